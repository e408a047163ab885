import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols

/// Two honest peers: one listens, and the other one is made anew for each dial, registers, connects over the server, and has a byte echoed.
struct HonestPair: Sendable {
    /// Between two dials: an address may dial one peer eight times a second.
    private static let pause = Duration.milliseconds(200)
    /// How long a dial is waited for.
    private static let patience = Duration.seconds(10)

    private let url: RendezvousURL
    private let listener: PeerID

    /// Runs `body` while one of the pair listens.
    static func with<Result: Sendable>(_ url: RendezvousURL, _ body: @Sendable (HonestPair) async throws -> Result) async throws -> Result {
        let identity = try Identity.create()
        var called = configuration(identity, url)
        called.admission = .anyone
        return try await withPeer(called) { peer in
            try await peer.registered()
            return try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for try await connection in peer.incoming {
                        // An attacker may be slow; it holds up nobody.
                        Task.detached {
                            guard let bytes = try? await connection.read(upTo: 1) else { return }
                            try? await connection.write(bytes)
                            try? await connection.finish()
                        }
                    }
                }
                defer { tasks.cancelAll() }
                return try await body(HonestPair(url: url, listener: peer.id))
            }
        }
    }

    /// The listener, for attackers.
    var target: PeerID { listener }

    private static func configuration(_ identity: Identity, _ url: RendezvousURL) -> Peer.Configuration {
        var configuration = Peer.Configuration(identity: identity, rendezvous: url)
        configuration.paths = .relayOnly
        return configuration
    }

    /// Dials again and again for so long: the milliseconds of each dial, from nothing to the echo; those that fail count as the whole timeout.
    func dial(for duration: Duration) async -> [Double] {
        var times: [Double] = []
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            let start = ContinuousClock.now
            let isGood = await dialOnce()
            let time = ContinuousClock.now - start
            times.append((isGood ? time : max(time, Self.patience)).milliseconds)
            try? await Task.sleep(for: Self.pause)
        }
        return times.sorted()
    }

    private func dialOnce() async -> Bool {
        await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                do {
                    return try await withPeer(Self.configuration(.create(), url)) { peer in
                        let connection = try await peer.connect(to: listener)
                        try await connection.write([7])
                        let isEchoed = try await connection.read(upTo: 1)?.first == 7
                        connection.abort()
                        return isEchoed
                    }
                } catch {
                    return false
                }
            }
            tasks.addTask {
                try? await Task.sleep(for: Self.patience)
                return false
            }
            let first = await tasks.next() ?? false
            tasks.cancelAll()
            return first
        }
    }
}
