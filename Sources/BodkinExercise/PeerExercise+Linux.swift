#if os(Linux)
package import Bodkin
package import BodkinCore
package import BodkinNATLab
import NIOCore
import Synchronization

/// One dial between two peers in a cell's network: how it was connected, when the bytes were where, and what it cost.
package struct PeerExercise: Sendable {
    /// What a dial is made with.
    package struct Settings: Sendable {
        /// Half of this is on every link next to the core.
        package var link = LinkParameters(delay: .milliseconds(25))
        /// The share of packets that every link loses, each way.
        package var loss = 0.0
        /// The paths that the dialer uses.
        package var paths = Peer.PathPolicy.all
        /// What the lab does beside forwarding.
        package var options = Lab.Options()

        /// Is told what happens in both peers, by the host's name.
        package var onEvent: (@Sendable (String, PeerEvent) -> Void)?

        /// 25 ms from anywhere to anywhere, all paths.
        package init() {}
    }

    /// How the two are connected in the end; nil where they are not.
    package var route: Route?
    /// What the dialer says of it.
    package var report: ConnectionReport?
    /// Why there is no connection.
    package var failure: String?
    /// From the dial to the moment at which the remote application had the first byte.
    package var farByte: Duration?
    /// From the dial to the moment at which the echo was back.
    package var echo: Duration?
    /// From the dial to the moment at which the remote application had the first byte that came by the direct path: the first of all where the connection began on
    /// it, else one that is written as soon as the dialer has one. Nil where there is no direct path.
    package var directByte: Duration?
    /// What crossed the network during the dial, up to the end of its report.
    package var cost = NetworkCounters()

    /// What happened to every packet, where the lab records it.
    package var events: [LabEvent] = []

    /// Nothing yet.
    package init() {}

    /// Dials once in a fresh lab, both peers registered beforehand.
    package static func run(_ cell: PeerCell, seed: UInt64, settings: Settings = Settings()) async throws -> PeerExercise {
        try await withPeerLab(topology(of: cell, seed, settings), families: cell.serverFamilies, options: settings.options) { place in
            try await run(in: place, settings)
        }
    }

    /// Starts `bodkin connect` in a fresh lab and waits for its byte at the remote application: everything from the start of the process counts.
    package static func runCold(_ cell: PeerCell, seed: UInt64, settings: Settings, bodkin: String) async throws -> PeerExercise {
        try await withPeerLab(topology(of: cell, seed, settings), families: cell.serverFamilies, options: settings.options) { place in
            var called = try await place.configuration(in: "b")
            called.admission = .anyone
            let result = try await withPeer(called) { far in
                try await far.registered()
                try await Task.sleep(for: settings.link.delay * 4 + .milliseconds(20))
                let before = try await place.lab.counters()
                let option = settings.paths == .directOnly ? "--direct-only" : settings.paths == .relayOnly ? "--relay-only" : ""
                let start = ContinuousClock.now
                let process = try place.lab.host("a").start(
                    ["/bin/sh", "-c", "printf x | exec \(bodkin) connect \(far.id) \(option)"],
                    environment: ["BODKIN_RENDEZVOUS": "\(place.url)", "BODKIN_STATE": "/tmp/bodkin-cold-\(seed)-\(UInt32.random(in: 0 ... .max))"])
                var result = PeerExercise()
                for try await connection in far.incoming {
                    guard try await connection.read() != nil else { break }
                    result.farByte = .now - start
                    // The command waits until its input was read to its end.
                    while try await connection.read() != nil {}
                    try await connection.finish()
                    break
                }
                let status = await process.wait()
                if status.status != 0 { result.failure = status.error }
                result.cost = try await place.lab.counters() - before
                return result
            }
            try? await called.eventLoopGroup?.shutdownGracefully()
            return result
        }
    }

    private static func topology(of cell: PeerCell, _ seed: UInt64, _ settings: Settings) -> Topology {
        var topology = cell.topology(settings.link, seed)
        guard settings.loss > 0 else { return topology }
        for host in topology.hosts {
            topology.updateHost(host.name) {
                $0.up.loss = max($0.up.loss, settings.loss)
                $0.down.loss = max($0.down.loss, settings.loss)
            }
        }
        for box in topology.boxes {
            topology.updateBox(box.name) {
                $0.up.loss = max($0.up.loss, settings.loss)
                $0.down.loss = max($0.down.loss, settings.loss)
            }
        }
        return topology
    }

    /// Dials once from `a` to `b`.
    package static func run(in place: PeerLab, _ settings: Settings) async throws -> PeerExercise {
        var called = try await place.configuration(in: "b")
        called.admission = .anyone
        var dialer = try await place.configuration(in: "a")
        dialer.paths = settings.paths
        let onEvent = settings.onEvent
        if let onEvent { called.onEvent = { onEvent("b", $0) } }
        let (directPaths, directPath) = AsyncStream.makeStream(of: Void.self)
        dialer.onEvent = { event in
            onEvent?("a", event)
            switch event.kind {
            case .pathEstablished(_, .direct, _): directPath.yield()
            case .report: directPath.finish()
            default: break
            }
        }
        let (calledConfiguration, dialerConfiguration) = (called, dialer)
        let result = try await withPeer(calledConfiguration) { far in
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Of the first two bytes that the dialer writes, one after the echo of the other.
                let arrivals = Mutex<[ContinuousClock.Instant]>([])
                group.addTask { try await serve(far) { instant in arrivals.withLock { if $0.count < 2 { $0.append(instant) } } } }
                let result = try await withPeer(dialerConfiguration) { near in
                    try await far.registered()
                    try await near.registered()
                    // The authentication of the STUN connections is on its way: four times the longest way from here to the server.
                    try await Task.sleep(for: settings.link.delay * 4 + .milliseconds(20))
                    return try await dial(far.id, from: near, in: place.lab, settings, directPaths) { arrivals.withLock { $0 } }
                }
                group.cancelAll()
                return result
            }
        }
        try? await called.eventLoopGroup?.shutdownGracefully()
        try? await dialer.eventLoopGroup?.shutdownGracefully()
        return result
    }

    /// Sends back whatever arrives, and notes when it did.
    private static func serve(_ peer: Peer, arrived: @escaping @Sendable (ContinuousClock.Instant) -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for try await connection in peer.incoming {
                group.addTask {
                    while let piece = try? await connection.read() {
                        arrived(.now)
                        guard (try? await connection.write(piece)) != nil else { break }
                    }
                }
            }
        }
    }

    private static func dial(
        _ peer: PeerID, from near: Peer, in lab: Lab, _ settings: Settings, _ directPaths: AsyncStream<Void>,
        arrivals: () -> [ContinuousClock.Instant]
    ) async throws -> PeerExercise {
        var result = PeerExercise()
        let before = try await lab.counters()
        let start = ContinuousClock.now
        do {
            let connection = try await near.connect(to: peer)
            try await connection.write("x".utf8)
            guard try await connection.read() != nil else { throw CancellationError() }
            result.echo = .now - start
            result.farByte = arrivals().first.map { $0 - start }
            // There is a direct path, or there will be none.
            for await _ in directPaths { break }
            try await connection.write("y".utf8)
            guard try await connection.read() != nil else { throw CancellationError() }
            let report = try await connection.settled()
            result.report = report
            result.route = report.route
            // Whatever path it is on now, it carries bytes.
            try await connection.write("z".utf8)
            guard try await connection.read() != nil else { throw CancellationError() }
            if report.route == .direct {
                let beganOnIt = report.timeToFirstPath.map { first in report.timeToDirect.map { $0 <= first } ?? false } ?? false
                result.directByte = beganOnIt ? result.farByte : arrivals().last.map { $0 - start }
            }
        } catch {
            result.failure = "\(error)"
            result.route = nil
        }
        result.cost = try await lab.counters() - before
        result.events = try await lab.takeEvents()
        return result
    }
}

extension NetworkCounters {
    static func - (left: Self, right: Self) -> Self {
        var result = left
        result.sent -= right.sent
        result.sentBytes -= right.sentBytes
        result.delivered -= right.delivered
        result.lost -= right.lost
        result.refused -= right.refused
        return result
    }
}
#endif
