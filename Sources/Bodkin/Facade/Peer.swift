public import BodkinCore
public import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// A program that other programs can connect to, and that connects to others, wherever both are. Make one with ``withPeer(_:_:)``.
public final class Peer: Sendable {
    /// The most connections that a peer has at once: 4 096.
    public static let connectionLimit = 4096
    /// The most connections with one remote peer at once: 64.
    public static let connectionLimitOfOnePeer = 64

    /// What a peer counts through swift-metrics, and what each of it means.
    package static var metricsHelp: [String: String] { PeerMetrics.help }

    /// The ID of the local peer.
    public let id: PeerID
    /// The connections that others make to this peer, as they come. To be iterated by one task.
    public let incoming: AsyncThrowingStream<Connection, any Error>
    /// The events of the peer, for any number of consumers; see ``PeerEvent``.
    public let events: PeerEvents
    /// Runs tasks where the peer's connections are served; see ``PeerExecutor``.
    public let executor: PeerExecutor
    let engine: NIOLoopBound<PeerEngine>
    let eventLoop: any EventLoop

    private init(
        id: PeerID, _ engine: NIOLoopBound<PeerEngine>, _ events: PeerEventSource, _ incoming: AsyncThrowingStream<Connection, any Error>,
        on eventLoop: any EventLoop
    ) {
        self.id = id
        self.engine = engine
        self.incoming = incoming
        self.events = PeerEvents(source: events)
        self.eventLoop = eventLoop
        executor = PeerExecutor(eventLoop)
    }

    static func open(_ configuration: Configuration) async throws -> Peer {
        if case .only(let peers) = configuration.admission, peers.count > Admission.listLimit {
            throw PeerError(
                .refused,
                "The list of allowed peers has \(peers.count) entries, and the limit is \(Admission.listLimit). Shorten it, or admit anyone."
            )
        }
        guard configuration.rendezvous.canAuthenticate else { throw configuration.rendezvous.unauthenticated }
        let eventLoop = (configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
        let (incoming, continuation) = AsyncThrowingStream.makeStream(
            of: Connection.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(connectionLimit))
        let (engine, events) = try await eventLoop.submit {
            let engine = try PeerEngine(configuration, on: eventLoop, incoming: continuation)
            engine.begin()
            return (NIOLoopBound(engine, eventLoop: eventLoop), engine.events)
        }.get()
        return Peer(id: configuration.identity.peerID, engine, events, incoming, on: eventLoop)
    }

    /// Connects to a peer. Returns as soon as bytes can be written: by circuit at first, if that is allowed; the connection moves to a direct path
    /// by itself. A connection that there is already, by either peer's dial, is joined: both callers have the same one. A caller that is cancelled has
    /// `CancellationError` at once, and a dial that nobody waits for any more is given up.
    ///
    /// - Throws: ``PeerError`` with every attempt and its verdict; `TransportError` where the server cannot be reached in time.
    public func connect(to peer: PeerID) async throws -> Connection {
        let engine = engine
        return try await eventLoop.wait {
            engine.value.connect(to: peer, for: $0)
        } cancel: {
            engine.value.cancelDial(to: peer, for: $0)
        }
    }

    /// Returns when the server knows this peer. The peer waits for a server that is not there yet, a name without an address, or a network that is down. It reports
    /// the wait by ``PeerEvent/Kind/awaitingServer(_:)``.
    /// - Throws: `TransportError` or ``PeerError``: why it never will.
    public func registered() async throws {
        let engine = engine
        try await eventLoop.wait {
            engine.value.whenRegistered(for: $0)
        } cancel: {
            engine.value.cancelRegistered(for: $0)
        }
    }

    /// The profile of the local network; nil before the background probe (``Configuration/profilesNetwork``).
    public var networkProfile: NetworkProfile? {
        get async {
            let engine = engine
            return try? await eventLoop.submit { engine.value.networkProfile }.get()
        }
    }

    /// The time for the CONNECTION_CLOSE of connections that have ended, whatever the limit.
    private static let leastFarewell = TimeAmount.milliseconds(250)
    /// The time for the CONNECTION_CLOSE of connections that are aborted. They go out behind what the system has taken, which is a second's worth on a line of
    /// 1 Mbit/s. A remote peer that does not get them looks for the local one until ``Configuration/pathlessLifetime`` is over.
    private static let abortFarewell = TimeAmount.seconds(5)

    /// Ends every connection in good order, as far as that takes no longer than `limit`, and then the peer. Without a limit it aborts them, so that no cut
    /// stream looks whole.
    func close(within limit: Duration?) async {
        let engine = engine
        let deadline = eventLoop.now + (limit.map { TimeAmount($0) } ?? Self.abortFarewell)
        let connections = try? await eventLoop.submit { engine.value.remotes.connections }.get()
        await withTaskGroup { group in
            for connection in connections ?? [] {
                guard let limit else {
                    connection.abort(reason: "interrupted")
                    continue
                }
                group.addTask { await connection.closeWithoutReading(within: limit) }
            }
        }
        try? await eventLoop.flatSubmit { engine.value.remotes.drainPaths(within: max(Self.leastFarewell, deadline - engine.value.eventLoop.now)) }
            .get()
        let profiling = try? await eventLoop.submit { () -> Task<Void, Never>? in
            defer { engine.value.close() }
            return engine.value.usesProcessLoops ? nil : engine.value.profiling
        }.get()
        // The owner of the threads may end them next.
        await profiling?.value
    }
}

/// Runs `body` with a peer, and ends the peer with all its connections afterwards, also when `body` throws or is cancelled.
///
/// After `body` has returned, the connections that are left get at most two seconds until the remote peers have what was written. An application that must
/// know whether it was read calls ``Connection/close(code:reason:within:)``. If `body` throws, its connections are aborted.
///
/// ```swift
/// let configuration = Peer.Configuration(identity: try .create(), rendezvous: try RendezvousURL(url))
/// try await withPeer(configuration) { peer in
///     let connection = try await peer.connect(to: friend)
///     try await connection.write("hello\n".utf8)
/// }
/// ```
///
/// - Throws: what `body` throws, `TransportError` where the URL cannot authenticate any server, and ``PeerError`` where the configuration asks for too much.
public func withPeer<Result: Sendable>(_ configuration: Peer.Configuration, _ body: (Peer) async throws -> Result) async throws -> Result {
    let peer = try await Peer.open(configuration)
    do {
        let result = try await body(peer)
        await peer.close(within: .seconds(2))
        return result
    } catch {
        await peer.close(within: nil)
        throw error
    }
}
