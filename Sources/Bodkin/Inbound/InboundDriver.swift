import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The driver of ``InboundPaths``: the connections that the reserved port accepts, until a dial or a session has them. Confined to its event loop.
final class InboundDriver {
    /// The rest of the peer, as far as inbound paths concern it.
    struct Delegate {
        /// Returns the remote peer that a dial of this peer has dialed; nil where there is no such dial.
        let expectedPeer: (AttemptID) -> PeerID?
        /// Whether a remote peer may open paths.
        let admits: (PeerID) -> Bool
        /// Returns what takes an authenticated path that a called peer has opened for a dial.
        let claim: (AttemptID) -> (Path) -> Void
        /// Offers an authenticated path to the session that it names.
        let offer: (UnopenedPath, PathOpening) -> Void
    }

    private let factory: PathFactory
    private let clock: PeerClock
    private let delegate: Delegate
    private var machine = InboundPaths()
    private var paths: [InboundPaths.ID: Path] = [:]
    private var lastNumber: UInt64 = 0
    private var timer = DeadlineTimer()

    init(_ factory: PathFactory, clock: PeerClock, _ delegate: Delegate) {
        (self.factory, self.clock, self.delegate) = (factory, clock, delegate)
    }

    /// Takes a connection to the reserved port.
    func accept(_ channel: any Channel) throws {
        let id = nextID()
        var claim: ((Path) -> Void)?
        let path = try factory.accepted(
            channel, expected: delegate.expectedPeer, admits: delegate.admits,
            decided: { [weak self] attempt in
                claim = attempt.flatMap { self?.delegate.claim($0) }
                self?.handle(.handshakeBegan(id))
            })
        path.onEvent = { [weak self, unowned path] event in
            guard case .secured(let peer) = event else { return }
            guard let self, self.paths[id] != nil else { return path.close() }
            guard let claim else { return self.follow(path, id, of: peer) }
            self.forget(id)
            claim(path)
        }
        keep(path, id)
        handle(.accepted(id, from: path.remote))
    }

    /// Waits for the first frame of a path that this peer has opened, and whose remote end, the dialer, is authenticated.
    func awaitOpening(_ path: Path, from peer: PeerID) {
        let id = nextID()
        keep(path, id)
        follow(path, id, of: peer)
    }

    /// Forgets the connections from an endpoint that a dial connects to.
    /// - Returns: whether there was any.
    func clear(_ remote: Endpoint, isPressing: Bool) -> Bool {
        defer { handle(.clear(remote, isPressing: isPressing)) }
        return machine.hasUnauthenticated(from: remote)
    }

    /// Ends everything.
    func close() {
        timer.cancel()
        machine = InboundPaths()
        let open = paths.values
        paths = [:]
        for path in open { path.close() }
    }

    private func nextID() -> InboundPaths.ID {
        lastNumber += 1
        return InboundPaths.ID(number: lastNumber)
    }

    private func keep(_ path: Path, _ id: InboundPaths.ID) {
        paths[id] = path
        path.channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.closed(id) }
    }

    private func follow(_ path: Path, _ id: InboundPaths.ID, of peer: PeerID) {
        path.onEvent = { [weak self] event in
            switch event {
            case .bytes(let bytes): self?.handle(.received(id, bytes))
            case .closed: self?.closed(id)
            case .readCompleted, .secured, .writabilityChanged: break
            }
        }
        handle(.authenticated(id, peer))
    }

    private func closed(_ id: InboundPaths.ID) {
        guard paths.removeValue(forKey: id) != nil else { return }
        handle(.closed(id))
    }

    private func forget(_ id: InboundPaths.ID) {
        paths[id] = nil
        handle(.taken(id))
    }

    private func handle(_ input: InboundPaths.Input) {
        machine.handle(input, at: clock.now)
        while let action = machine.nextAction() { perform(action) }
        timer.set(to: machine.deadline, by: clock) { [weak self] in self?.handle(.timeout) }
    }

    private func perform(_ action: InboundPaths.Action) {
        switch action {
        case .close(let id): paths.removeValue(forKey: id)?.close()
        case .evict(let id): paths.removeValue(forKey: id)?.cutOff()
        case .discard(let id): paths.removeValue(forKey: id)?.discard()
        case .offer(let id, let opening, let received):
            guard let path = paths[id], let peer = path.peer else { return }
            delegate.offer(UnopenedPath(id, path, from: peer, received: received, of: self), opening)
        }
    }
}

extension InboundDriver {
    /// How many paths belong to no session yet, those without a proof among them.
    var pathCount: Int { paths.count }

    /// Whether a path belongs to no session yet.
    func isUnopened(_ id: InboundPaths.ID) -> Bool { machine.isUnopened(id) }

    /// A session has the path now.
    func take(_ id: InboundPaths.ID) { forget(id) }

    /// Offers the path once more.
    func resume(_ id: InboundPaths.ID) { handle(.resumed(id)) }

    /// No session wants the path.
    func refuse(_ id: InboundPaths.ID) { handle(.refused(id)) }
}

/// An authenticated path that names its session, and belongs to none yet.
final class UnopenedPath {
    let path: Path
    let peer: PeerID
    /// The bytes that the path has received, the first frame among them.
    let received: ByteBuffer
    let id: InboundPaths.ID
    private weak var driver: InboundDriver?

    fileprivate init(_ id: InboundPaths.ID, _ path: Path, from peer: PeerID, received: ByteBuffer, of driver: InboundDriver) {
        (self.id, self.path, self.peer, self.received, self.driver) = (id, path, peer, received, driver)
    }

    /// Whether no session has it, and none has refused it.
    var isWaiting: Bool { driver?.isUnopened(id) ?? false }

    /// A session has it now.
    func take() { driver?.take(id) }

    /// Offers it once more, because what kept it waiting has ended.
    func look() { driver?.resume(id) }

    /// No session wants it.
    func close() { driver?.refuse(id) }
}
