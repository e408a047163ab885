package import BodkinCore
package import BodkinTransport
package import NIOCore

/// A peer without tasks, on an event loop that its owner turns: what gives it hostile input in virtual time drives the shipped engine.
///
/// ```swift
/// let peer = try EmbeddedPeer(configuration, on: network.loop)
/// network.run(for: .seconds(1))
/// ```
package final class EmbeddedPeer {
    /// How much there is of what is bounded.
    package struct Inventory: Hashable, Sendable {
        /// Dials of others that are under way.
        package var calledDials = 0
        /// Sessions.
        package var sessions = 0
        /// Circuits that have not ended.
        package var circuits = 0
        /// Remote peers that there is anything with.
        package var remotes = 0
        /// Accepted connections without a proof, and authenticated paths without a session.
        package var unopened = 0
        /// Bytes that have arrived, and that no application has read.
        package var unread = 0
    }

    private let engine: PeerEngine
    private var calls: [(peer: PeerID, call: Call)] = []

    /// Begins at once.
    package init(_ configuration: Peer.Configuration, on eventLoop: any EventLoop) throws {
        let (_, continuation) = AsyncThrowingStream.makeStream(of: Connection.self, throwing: (any Error).self)
        engine = try PeerEngine(configuration, on: eventLoop, incoming: continuation)
        engine.begin()
    }

    /// The peer's ID and instance.
    package var id: PeerID { engine.id }
    /// The process.
    package var instance: InstanceID { engine.instance }
    /// Whether the server has taken its card.
    package var isRegistered: Bool { engine.isRegistered }
    /// Whether nothing more will be done.
    package var isOver: Bool { engine.isOver }
    /// The reserved port; nil before there is one.
    package var reservedPort: UInt16? { engine.port?.number }
    /// The sessions that there are.
    package var sessions: [SessionDriver] { engine.remotes.records.map(\.driver) }

    /// Dials a peer, or joins what is under way or alive.
    package func connect(to peer: PeerID) {
        let call = Call()
        calls.append((peer, call))
        let connecting = engine.connect(to: peer, for: call.id)
        connecting.assumeIsolated().whenComplete { [weak self] _ in self?.calls.removeAll { $0.call === call } }
    }

    /// The earliest call that waits for a peer gives up.
    package func cancelDial(to peer: PeerID) {
        if let first = calls.first(where: { $0.peer == peer }) { engine.cancelDial(to: peer, for: first.call.id) }
    }

    /// Has the server connect to the reserved port.
    package func dialBack() { engine.dialBack().assumeIsolated().whenComplete { _ in } }

    /// Ends everything.
    package func close() { engine.close() }

    /// The objects that the peer consists of now, by kind: none of them may outlive it.
    package var parts: [(kind: String, object: AnyObject)] { engine.parts }

    /// How much there is now.
    package var inventory: Inventory {
        let remotes = engine.remotes
        return Inventory(
            calledDials: remotes.calledCount, sessions: remotes.sessionCount, circuits: engine.circuits.count, remotes: remotes.drivers.count,
            unopened: engine.inbound.pathCount, unread: remotes.records.reduce(0) { $0 + $1.driver.unreadByteCount })
    }

    /// Whether every bound holds.
    package var isWithinBounds: Bool {
        let present = inventory
        return present.calledDials <= Remotes.calledShare.ofAll && present.sessions <= Remotes.sessionShare.ofAll
            && present.unopened <= InboundPaths.unauthenticatedLimit + InboundPaths.unopenedLimit
            && present.unread <= engine.configuration.receiveMemory
    }
}
