public import BodkinCore
public import BodkinProtocols
public import NIOCore

/// Runs a session on its paths. Confined to its event loop.
public final class SessionDriver {
    /// What happens in it that its owner wants to know.
    public enum Event {
        /// The far side has answered: the session exists at both ends.
        case confirmed(Path)
        /// This path carries the session now.
        case tookOver(Path)
        /// A path of it is gone.
        case lostPath(Path, (any Error)?)
        /// No path is left.
        case withoutPath
        /// It is over.
        case closed(SessionCloseReason)
    }

    /// The most bytes taken from the session for one write.
    private static let outputLimit = 65_536

    /// Who is at the far side.
    public let peer: PeerID
    /// The event loop.
    public let eventLoop: any EventLoop
    /// Where events go.
    public var onEvent: (Event) -> Void = { _ in }
    /// Why it is over; nil while it is not.
    public private(set) var closeReason: SessionCloseReason?

    var session: Session
    var readers: [StreamID: Reader] = [:]
    var writers: [StreamID: [Writer]] = [:]
    var opened: [StreamID] = []
    var accepters: [(call: ObjectIdentifier, promise: EventLoopPromise<StreamID>)] = []
    var openers: [(call: ObjectIdentifier, promise: EventLoopPromise<StreamID>)] = []
    var closers: [EventLoopPromise<Void>] = []
    private var paths: [PathID: Path] = [:]
    private var nextPathNumber: UInt64 = 0
    private var isDriving = false
    private var isDirty = false

    /// A session without a path.
    public init(_ session: consuming Session, peer: PeerID, on eventLoop: any EventLoop) {
        self.session = session
        self.peer = peer
        self.eventLoop = eventLoop
    }

    /// Its ID.
    public var id: SessionID { session.id }
    /// The far side's instance.
    public var remoteInstance: InstanceID { session.remoteInstance }
    /// Whether the far side has answered.
    public var isConfirmed: Bool { session.isConfirmed }
    /// The path that carries it; nil while there is none.
    public var activePath: Path? { session.activePath.flatMap { paths[$0] } }
    /// How many paths it has.
    public var pathCount: Int { paths.count }

    /// Adds a path whose handshake is over, with what has been read from it.
    public func add(_ path: Path, received: ByteBuffer? = nil) {
        nextPathNumber += 1
        let id = PathID(nextPathNumber)
        paths[id] = path
        path.onEvent = { [weak self] event in self?.handle(event, on: id) }
        session.addPath(id, kind: path.kind)
        if let received {
            session.receive(received, on: id)
            session.flushAcknowledgement()
        }
        drive()
    }

    /// Ends it at once; `reason` is for people.
    public func fail(_ reason: String) {
        session.fail(reason)
        drive()
    }

    /// Ends it at once, and tells the far side.
    public func abort(code: UInt64, reason: String) {
        session.abort(code: code, reason: reason)
        drive()
    }

    private func handle(_ event: Path.Event, on id: PathID) {
        switch event {
        case .bytes(let bytes): session.receive(bytes, on: id)
        case .readCompleted:
            session.flushAcknowledgement()
            drive()
        case .writabilityChanged: drive()
        case .closed(let error):
            guard let path = paths.removeValue(forKey: id) else { return }
            session.pathClosed(id)
            onEvent(.lostPath(path, error))
            drive()
        case .secured: break
        }
    }

    /// Does what the session wants done, until it wants nothing more.
    func drive() {
        isDirty = true
        guard !isDriving else { return }
        isDriving = true
        defer { isDriving = false }
        while isDirty {
            isDirty = false
            takeEvents()
            for (id, path) in paths {
                var hasWritten = false
                while path.isWritable, let bytes = session.output(on: id, limit: Self.outputLimit) {
                    path.write(bytes)
                    hasWritten = true
                }
                if hasWritten { path.flush() }
            }
            takeEvents()
        }
    }

    private func takeEvents() {
        while let event = session.nextEvent() {
            isDirty = true
            switch event {
            case .readable(let stream): resumeReader(of: stream)
            case .writable(let stream): resumeWriters(of: stream)
            case .stopped(let stream, let code): failWriters(of: stream, ConnectionError.stopped(code))
            case .opened(let stream): accept(stream)
            case .streamsAvailable: resumeOpeners()
            case .confirmed(let id): if let path = paths[id] { onEvent(.confirmed(path)) }
            case .tookOver(let id, _): if let path = paths[id] { onEvent(.tookOver(path)) }
            case .closePath(let id): paths[id]?.close()
            case .failedPath: break
            case .withoutPath: onEvent(.withoutPath)
            case .closed(let reason): ended(reason)
            }
        }
    }

    private func ended(_ reason: SessionCloseReason) {
        closeReason = reason
        let error = ConnectionError.closed(reason)
        for stream in Array(readers.keys) { resumeReader(of: stream) }
        for stream in Array(writers.keys) { failWriters(of: stream, error) }
        for waiting in accepters + openers { waiting.promise.fail(error) }
        for promise in closers { promise.succeed() }
        accepters = []
        openers = []
        closers = []
        onEvent(.closed(reason))
    }
}
