import BodkinCore
import BodkinProtocols
import NIOCore

/// The paths that belong to no session yet: accepted connections that have not proved whose they are, and authenticated paths whose first frame is awaited.
///
/// ```
///            first bytes             authenticated             OPEN                taken
///  silent ─────────────▶ handshaking ────────────▶ unopened ─────────▶ offered ────────▶ over
///    │                       │                        │                 │  ▲ │
///    │                       └─taken by a dial─▶ over │                 └──┘ │ resumed
///    │                                                │                      │
///    └─closed, cleared, evicted─▶ over                └─closed, evicted, timeout, refused─▶ over
/// ```
///
/// When either table is full, the owner with the most entries loses its oldest one. So neither a remote host nor a remote peer can push out the others.
struct InboundPaths: ~Copyable {
    /// Names a path over the peer's lifetime; the driver numbers them.
    struct ID: Hashable { let number: UInt64 }

    /// An event that the driver reports.
    enum Input {
        /// The reserved port has accepted a connection.
        case accepted(ID, from: Endpoint?)
        /// The first bytes of a connection begin a handshake.
        case handshakeBegan(ID)
        /// The handshake of a path has proved the remote peer, which sends its first frame next.
        case authenticated(ID, PeerID)
        /// The remote peer has sent bytes.
        case received(ID, ByteBuffer)
        /// A dial or a session has the path now.
        case taken(ID)
        /// The condition that kept an offered path waiting has ended.
        case resumed(ID)
        /// No session wants the path.
        case refused(ID)
        /// The connection is gone.
        case closed(ID)
        /// A dial connects to this endpoint, and the kernel may hold a connection from there against it.
        /// - Parameter isPressing: whether a connection goes whose handshake has begun. On a busy machine a handshake takes longer than two instants are apart.
        case clear(Endpoint, isPressing: Bool)
        case timeout
    }

    /// A thing that the driver is to do.
    enum Action: Equatable {
        /// Close a connection.
        case close(ID)
        /// Close a connection that makes room for another one, without waiting for its remote end.
        case evict(ID)
        /// Forget a connection without a packet to its remote end: a plain close would leave the kernel's half of it in the way.
        case discard(ID)
        /// Offer a path, which has received these bytes, to the session that its first frame names. An offered path waits until it is taken, refused or late.
        case offer(ID, PathOpening, received: ByteBuffer)
    }

    /// The most connections that have not proved whose they are.
    static let unauthenticatedLimit = 256
    /// The most authenticated paths that belong to no session.
    static let unopenedLimit = 256
    /// How long a remote peer may take for its first frame. A dialer sends it with the last flight of its handshake.
    static let firstFrameTimeout = Duration.seconds(10)
    /// The most bytes that a path may have received while it waits: the longest OPEN (docs/wire.md), with its type and length.
    static let unreadLimit = 16_384 + 16

    /// One who may own several entries of a table.
    private enum Owner: Hashable {
        case host(IPPrefix?)
        case peer(PeerID)
    }

    private struct Unauthenticated {
        let id: ID
        let remote: Endpoint?
        var hasReceivedBytes = false

        /// The remote host. A host of IPv6 has a whole /64 (RFC 4291 section 2.5.4).
        var owner: Owner { .host(remote.map { IPPrefix($0.address, length: $0.address.family == .v4 ? 32 : 64) }) }
    }

    private struct Unopened {
        let id: ID
        let peer: PeerID
        let end: Instant
        var unread = ByteBuffer()
        /// The first frame, where the path was offered.
        var opening: PathOpening?
    }

    /// Both in the order of their arrival.
    private var unauthenticated: [Unauthenticated] = []
    private var unopened: [Unopened] = []
    private var actions: [Action] = []

    /// Takes what has happened, and queues actions.
    mutating func handle(_ input: Input, at now: Instant) {
        switch input {
        case .accepted(let id, let remote): accept(Unauthenticated(id: id, remote: remote))
        case .handshakeBegan(let id):
            if let index = unauthenticated.firstIndex(where: { $0.id == id }) { unauthenticated[index].hasReceivedBytes = true }
        case .authenticated(let id, let peer):
            forget(id)
            keep(Unopened(id: id, peer: peer, end: now + Self.firstFrameTimeout))
        case .received(let id, let bytes): received(bytes, on: id)
        case .taken(let id), .closed(let id): forget(id)
        case .resumed(let id): if let path = unopened.first(where: { $0.id == id }) { offer(path) }
        case .refused(let id): if forget(id) { actions.append(.close(id)) }
        case .clear(let remote, let isPressing):
            let cleared = unauthenticated.filter { $0.remote == remote && (isPressing || !$0.hasReceivedBytes) }
            for connection in cleared {
                forget(connection.id)
                actions.append(.discard(connection.id))
            }
        case .timeout:
            for path in unopened where path.end <= now {
                forget(path.id)
                actions.append(.close(path.id))
            }
        }
    }

    /// The next thing to do; nil where everything is done.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// When to call ``handle(_:at:)`` with a timeout: each path has as long, so that the oldest one is late first.
    var deadline: Instant? { unopened.first?.end }

    /// Whether a connection from this endpoint has not proved whose it is.
    func hasUnauthenticated(from remote: Endpoint) -> Bool { unauthenticated.contains { $0.remote == remote } }

    /// Whether a path belongs to no session yet.
    func isUnopened(_ id: ID) -> Bool { unopened.contains { $0.id == id } }

    // MARK: Admission

    private mutating func accept(_ connection: Unauthenticated) {
        unauthenticated.append(connection)
        guard unauthenticated.count > Self.unauthenticatedLimit else { return }
        actions.append(.evict(unauthenticated.remove(at: Self.surplus(of: unauthenticated.map(\.owner))).id))
    }

    private mutating func keep(_ path: Unopened) {
        unopened.append(path)
        guard unopened.count > Self.unopenedLimit else { return }
        actions.append(.evict(unopened.remove(at: Self.surplus(of: unopened.map { .peer($0.peer) })).id))
    }

    /// The index of the entry that makes room: the oldest one of the owner that has the most.
    private static func surplus(of owners: [Owner]) -> Int {
        var counts: [Owner: Int] = [:]
        for owner in owners { counts[owner, default: 0] += 1 }
        let most = counts.values.max()
        return owners.firstIndex { counts[$0] == most } ?? owners.startIndex
    }

    /// Returns whether the path was still here.
    @discardableResult
    private mutating func forget(_ id: ID) -> Bool {
        let count = unauthenticated.count + unopened.count
        unauthenticated.removeAll { $0.id == id }
        unopened.removeAll { $0.id == id }
        return unauthenticated.count + unopened.count < count
    }

    // MARK: First frames

    private mutating func received(_ bytes: ByteBuffer, on id: ID) {
        guard let index = unopened.firstIndex(where: { $0.id == id }) else { return }
        unopened[index].unread.writeImmutableBuffer(bytes)
        do {
            if unopened[index].opening == nil, let opening = try Session.peekOpen(unopened[index].unread) {
                unopened[index].opening = opening
                // A session takes the rest in any size, if it takes the path at once.
                return offer(unopened[index])
            }
        } catch {
            return refuse(id)
        }
        if unopened[index].unread.readableBytes > Self.unreadLimit { refuse(id) }
    }

    private mutating func offer(_ path: Unopened) {
        if let opening = path.opening { actions.append(.offer(path.id, opening, received: path.unread)) }
    }

    private mutating func refuse(_ id: ID) {
        forget(id)
        actions.append(.close(id))
    }
}
