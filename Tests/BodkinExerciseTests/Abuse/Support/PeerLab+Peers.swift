import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import BodkinTransport
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What a peer has told.
final class EventLog: Sendable {
    private let events = Mutex<[PeerEvent]>([])

    func note(_ event: PeerEvent) { events.withLock { $0.append(event) } }
    var all: [PeerEvent] { events.withLock { $0 } }
    /// The attempts of all dials, as they were judged.
    var attempts: [ConnectionReport.Attempt] { all.compactMap { if case .attempt(_, let attempt) = $0.kind { attempt } else { nil } } }
    /// What the server saw when it knew the peer.
    var observed: [Endpoint] { all.lazy.compactMap { if case .registered(let endpoints) = $0.kind { endpoints } else { nil } }.last ?? [] }
    /// What the network was found to be.
    var profiles: [NetworkProfile] { all.compactMap { if case .networkProfiled(let profile) = $0.kind { profile } else { nil } } }
    /// Whether the link to the server was ever gone.
    var hasLostServer: Bool { all.contains { if case .serverLost = $0.kind { true } else { false } } }
    /// Why paths were lost.
    var lostPaths: [String] { all.compactMap { if case .pathLost(_, _, let reason) = $0.kind { reason } else { nil } } }
    /// Whether a connection has ever had a direct path.
    var hasBeenDirect: Bool {
        all.contains { event in
            switch event.kind {
            case .pathChanged(_, .direct, _), .connected(_, .direct): true
            default: false
            }
        }
    }
    /// How often a connection has moved to a circuit.
    var circuitReturnCount: Int { all.count { if case .pathChanged(_, .circuit, _) = $0.kind { true } else { false } } }
    /// How often the server has taken a card.
    var registrationCount: Int { all.count { if case .registered = $0.kind { true } else { false } } }
    /// Why the candidate at this endpoint was left alone, or what became of it.
    func detail(of endpoint: String) -> String? { attempts.last { "\($0.remote.map(\.description) ?? "")" == endpoint }?.detail }
}

extension PeerLab {
    /// Runs `body` with a real peer in a host.
    func withPeer<Result: Sendable>(
        in host: String, identity: Identity? = nil, log: EventLog? = nil, _ change: (inout Peer.Configuration) -> Void = { _ in },
        _ body: @Sendable @escaping (Peer) async throws -> Result
    ) async throws -> Result {
        var configuration = try await configuration(in: host, identity: identity)
        if let log { configuration.onEvent = { log.note($0) } }
        change(&configuration)
        let result = try await Bodkin.withPeer(configuration, body)
        try await configuration.eventLoopGroup?.shutdownGracefully()
        return result
    }

    /// Runs `body` with the two ends of a settled direct connection: that of `a`, which has dialed, and that of `b`, whose configuration may be changed.
    func withConnection(
        _ change: @Sendable @escaping (inout Peer.Configuration) -> Void = { _ in },
        _ body: @Sendable @escaping (_ near: Connection, _ far: Connection) async throws -> Void
    ) async throws {
        func configure(_ configuration: inout Peer.Configuration) {
            configuration.admission = .anyone
            change(&configuration)
        }
        try await withPeer(in: "b", configure) { called in
            try await withPeer(in: "a") { dialer in
                try await called.registered()
                try await dialer.registered()
                let near = try await dialer.connect(to: called.id)
                try await near.write("hello".utf8)
                var incoming = called.incoming.makeAsyncIterator()
                let far = try #require(try await incoming.next())
                #expect(try await far.read() == Array("hello".utf8))
                #expect(try await near.settled().route == .direct)
                try await body(near, far)
            }
        }
    }

    /// Runs `body` with an event loop whose sockets belong to a host.
    func withLoop<Result: Sendable>(in host: String, _ body: @Sendable @escaping (any EventLoop) async throws -> Result) async throws -> Result {
        try await lab.withLoop(in: host, body)
    }
}

extension Lab {
    /// Runs `body` with an event loop whose sockets belong to a host.
    func withLoop<Result: Sendable>(in host: String, _ body: @Sendable @escaping (any EventLoop) async throws -> Result) async throws -> Result {
        let group = try await PeerLab.group(in: host, of: self)
        do {
            let result = try await body(group.next())
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    /// The packets that a host has sent since this was last asked.
    func packets(from host: String) async throws -> [PacketSummary] {
        try await takeEvents().filter { $0.place == host && $0.action == .sent }.compactMap(\.packet)
    }
}

extension EventLoop {
    /// Listens until the loop ends, in the network of the loop's thread.
    func listen(_ endpoint: Endpoint, _ accept: @escaping @Sendable (any Channel) throws -> Void) async throws {
        let address = try SocketAddress(endpoint)
        let loop = self
        _ = try await flatSubmit {
            ServerBootstrap(group: loop).serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try accept(channel) } }
                .bind(to: address)
        }.get()
    }
}

extension EventLoop {
    /// Connects from the network of the loop's thread, says something, and keeps the connection until the remote end or the loop ends it.
    func talk(to endpoint: Endpoint, _ bytes: [UInt8]) async throws {
        let address = try SocketAddress(endpoint)
        let loop = self
        let channel = try await flatSubmit { ClientBootstrap(group: loop).connect(to: address) }.get()
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }
}

extension [PacketSummary] {
    /// Where connection requests went, with their number.
    var requests: [Endpoint: Int] { filter(\.isConnectionRequest).reduce(into: [:]) { $0[$1.flow.destination, default: 0] += 1 } }
    /// Every address that anything went to.
    var destinations: Set<IPAddress> { Set(map(\.flow.destination.address)) }
}

/// Counts connections.
final class Visits: Sendable {
    private let number = Mutex(0)

    func note() { number.withLock { $0 += 1 } }
    var count: Int { number.withLock { $0 } }
}

/// What was waited for has not come.
struct Missing: Error, CustomStringConvertible {
    let description: String
}

/// Waits until `condition` gives something, for so long at most.
func eventually<Value>(_ what: String, seconds: Int = 20, _ condition: () async throws -> Value?) async throws -> Value {
    for _ in 0..<seconds * 100 {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Missing(description: "\(what) has not come")
}

/// Waits until `condition` holds, for so long at most.
func eventually(_ what: String, seconds: Int = 20, _ condition: () async throws -> Bool) async throws {
    _ = try await eventually(what, seconds: seconds) { try await condition() ? true : Bool?.none }
}
