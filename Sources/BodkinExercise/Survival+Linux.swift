#if os(Linux)
package import Bodkin
import BodkinCore
import BodkinNATLab
import Crypto
import NIOCore

extension Survival {
    /// Two peers send each other bytes at once, over a direct path that is killed again and again.
    ///
    /// - Throws: what either side is told: a connection that is reported broken is a failure.
    package static func run(_ settings: Settings, onEvent: (@Sendable (String, PeerEvent) -> Void)? = nil) async throws -> Survival {
        try await withPeerLab(settings.topology) { place in
            var called = try await place.configuration(in: "b")
            called.admission = .anyone
            let far = Observer("b", onEvent)
            called.onEvent = { far.note($0) }
            var dialer = try await place.configuration(in: "a")
            let near = Observer("a", onEvent)
            dialer.onEvent = { near.note($0) }
            let (calledConfiguration, dialerConfiguration) = (called, dialer)
            var result = try await withPeer(calledConfiguration) { farPeer in
                try await withPeer(dialerConfiguration) { nearPeer in
                    try await farPeer.registered()
                    try await nearPeer.registered()
                    return try await converse(settings, place, nearPeer, farPeer, Watch(near: near, far: far))
                }
            }
            result.deaths = (near.deaths, far.deaths)
            result.gaps = near.gaps
            try? await called.eventLoopGroup?.shutdownGracefully()
            try? await dialer.eventLoopGroup?.shutdownGracefully()
            return result
        }
    }

    private static func converse(
        _ settings: Settings, _ place: PeerLab, _ near: Peer, _ far: Peer, _ watch: Watch
    ) async throws -> Survival {
        let connection = try await near.connect(to: far.id)
        // The called side learns of the connection by its first bytes. The faults are for the direct path.
        try await connection.write([0])
        _ = try await connection.settled()
        var incoming = far.incoming.makeAsyncIterator()
        guard let accepted = try await incoming.next() else { return Survival() }
        _ = try await accepted.read(upTo: 1)
        let start = ContinuousClock.now
        let killer = Task { try await kill(settings.deaths, since: start, in: place, watch) }
        defer { killer.cancel() }
        let end = settings.outlastsDeaths ? killer : nil
        async let sentNear = send(settings.byteCount, seed: 1, on: connection, until: end)
        async let sentFar = send(settings.answerByteCount, seed: 2, on: accepted, until: end)
        async let readNear = receive(on: connection)
        async let readFar = receive(on: accepted)
        let (sent, read) = (try await (sentNear, sentFar), try await (readNear, readFar))
        var result = Survival()
        result.duration = .now - start
        killer.cancel()
        (result.kills, result.outage) = try await killer.value
        result.isWhole = sent.0 == read.1.digest && sent.1 == read.0.digest
        result.received = (read.0.count, read.1.count)
        try await connection.close(within: .seconds(30))
        return result
    }

    /// Sends bytes that are different at every position and from every seed, the last ones when `end` is over.
    private static func send(
        _ count: Int, seed: UInt64, on connection: Connection, until end: Task<(kills: Int, outage: Duration), any Error>?
    ) async throws -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        var block = (0..<65_536).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var hash = SHA256()
        var rest = count
        var number: UInt64 = 0
        while rest > 0 {
            withUnsafeBytes(of: number) { block.replaceSubrange(0..<8, with: $0) }
            let piece = block.prefix(rest)
            if piece.count == rest { _ = try await end?.value }
            hash.update(data: piece)
            try await connection.write(piece)
            rest -= piece.count
            number += 1
        }
        try await connection.finish()
        return Array(hash.finalize())
    }

    private static func receive(on connection: Connection) async throws -> (digest: [UInt8], count: Int) {
        var hash = SHA256()
        var count = 0
        for try await piece in connection.bytes {
            hash.update(data: piece)
            count += piece.count
        }
        return (Array(hash.finalize()), count)
    }

    /// Brings one death after another about, until it is cancelled, and says how many, and how long nobody could have done anything about them.
    private static func kill(
        _ schedule: [(after: Duration, what: PathDeath)], since start: ContinuousClock.Instant, in place: PeerLab, _ watch: Watch
    ) async throws -> (kills: Int, outage: Duration) {
        var (count, outage) = (0, Duration.zero)
        do {
            for death in schedule {
                try await Task.sleep(until: start + death.after)
                let before = watch.deaths
                outage += try await kill(death.what, in: place, watch)
                let end = ContinuousClock.now + .seconds(5)
                while watch.deaths == before, .now < end { try await Task.sleep(for: .milliseconds(20)) }
                // TCP has outlived it, or its end met with another one's.
                if watch.deaths == before { try await reset(in: place.lab, watch) }
                count += 1
            }
        } catch is CancellationError {}
        return (count, outage)
    }

    private static func kill(_ death: PathDeath, in place: PeerLab, _ watch: Watch) async throws -> Duration {
        let lab = place.lab
        for fault in death.faults { try await lab.apply(fault) }
        switch death {
        case .rebootNear, .rebootFar, .silenceUp, .silenceDown, .addressNear, .addressFar: break
        case .reset: try await reset(in: lab, watch)
        case .interface: try await changeInterface(of: lab.host("a"), watch)
        case .server:
            async let away = ContinuousClock().measure { try await place.restartServer(after: .milliseconds(200)) }
            try await reset(in: lab, watch)
            return try await away
        }
        return death.outage
    }

    /// An RST for the path, once there is one, by whichever way it leaves: of a direct path for no other connection, of a circuit for the next segment.
    private static func reset(in lab: Lab, _ watch: Watch) async throws {
        let before = watch.deaths
        for round in 0..<20 where watch.deaths == before {
            if let carrier = watch.carrier { try await lab.apply(.reset(PathDeath.waysOut[round % 2], remote: carrier.remote)) }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Takes the address of one interface away for two seconds, with all its routes, and gives it back: of the one that the path leaves by. Of the other one it is
    /// given back at once.
    private static func changeInterface(of host: LabHost, _ watch: Watch) async throws {
        let before = watch.deaths
        for interface in ["eth0", "eth1"] where watch.deaths == before {
            let script = """
                address=$(ip -4 -o address show dev \(interface) | awk '{print $4}'); routes=$(ip route show dev \(interface) | tac)
                trap : TERM; ip address del $address dev \(interface); sleep 2 & wait $!; ip address add $address dev \(interface)
                echo "$routes" | while read route; do ip route add $route dev \(interface) 2>/dev/null; done
                """
            let process = try host.start(["sh", "-c", script])
            try await Task.sleep(for: .milliseconds(250))
            guard watch.deaths == before else { return }
            process.terminate()
            _ = await process.wait()
        }
    }
}
#endif
