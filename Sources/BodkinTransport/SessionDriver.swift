package import BodkinCore
package import BodkinProtocols
package import NIOCore
import OrderedCollections

/// Runs a session on its paths. Confined to its event loop.
package final class SessionDriver {
    /// What happens in it that its owner wants to know.
    package enum Event {
        /// The remote peer has answered: the session exists at both ends.
        case confirmed
        /// This path carries the session now.
        case tookOver(Path)
        /// A path of it is gone; whether it was the one that carried it, and nothing had taken over.
        case lostPath(Path, (any Error)?, wasActive: Bool)
        /// An answer on a path of it is late.
        case doubtful
        /// It still is, and no other path has come.
        case stillSilent
        /// The application uses it, or its sender waits for the window: a window of so many bytes would be of use.
        case windowWanted(Int)
        /// A path has answered after this silence.
        case survived(Path, Duration)
        /// A path has fallen silent, and is about to be given up.
        case fellSilent(Path)
        /// A path has died after this silence.
        case expired(Path, Duration)
        /// It is over.
        case closed(SessionCloseReason)
    }

    /// How long the CONNECTION_CLOSE of a session may take.
    private static let farewell = TimeAmount.seconds(5)
    /// How long an acknowledgement waits for something to go with.
    private static let patience = TimeAmount.milliseconds(2)

    /// The remote peer.
    package let peer: PeerID
    /// The event loop.
    package let eventLoop: any EventLoop
    /// Where events go.
    package var onEvent: (Event) -> Void = { _ in }
    /// After what silence to probe a path.
    package var keepalive: (Path) -> Duration = { _ in .seconds(25) }
    /// Whether another path can be had without ending the only one: by a circuit.
    package var findsOtherPaths = false
    /// Whether an application has ever read from it, written to it, or asked for a stream.
    package private(set) var isUsed = false
    /// Why it is over; nil while it is not.
    package private(set) var closeReason: SessionCloseReason?
    /// Why nothing can be written any more: the session is over, or the remote application has closed; nil while neither is so.
    var writeEndReason: SessionCloseReason?

    var session: Session
    var readers: [StreamID: Reader] = [:]
    var writers: [StreamID: WriterQueue] = [:]
    var opened: [StreamID] = []
    var accepters: [(call: ObjectIdentifier, promise: EventLoopPromise<StreamID>)] = []
    var openers: [(call: ObjectIdentifier, promise: EventLoopPromise<StreamID>)] = []
    var closers: [EventLoopPromise<Bool>] = []
    var paths: OrderedDictionary<PathID, Path> = [:]
    var liveness: OrderedDictionary<PathID, PathLiveness> = [:]
    /// What the remote peer's system had acknowledged on a path when that was called doubtful.
    var acknowledged: [PathID: UInt64] = [:]
    /// The timer of the next liveness check.
    var look: (task: OneShot, at: NIODeadline)?
    private let start: NIODeadline
    /// The path that carries the session, as far as the owner knows.
    private var carrier: PathID?
    /// The one that both sides were last known to be on, as long as it is there; and whether there was any.
    private var settled: PathID?
    private var hasSettled = false
    private var nextPathNumber: UInt64 = 0
    /// When the last record was sent or came, on whatever path.
    private var lastRecord: Duration?
    private var acknowledging: OneShot?
    private var isDriving = false
    private var isDrivePlanned = false
    private var isDirty = false

    /// A session without a path.
    package init(_ session: consuming Session, peer: PeerID, on eventLoop: any EventLoop) {
        self.session = session
        self.peer = peer
        self.eventLoop = eventLoop
        start = eventLoop.now
    }

    /// Its ID.
    package var id: SessionID { session.id }
    /// Which end this is.
    package var role: Session.Role { session.role }
    /// The remote peer's instance.
    package var remoteInstance: InstanceID { session.remoteInstance }
    /// Whether the remote peer has answered.
    package var isConfirmed: Bool { session.isConfirmed }
    /// Whether it was begun as an offer.
    package var isOffer: Bool { session.isOffer }
    /// Whether either application has closed the session, or it is over.
    package var isClosing: Bool { session.isClosing }
    /// Whether the session is tentative: until it has an answer, it may give way to one that the remote peer has begun.
    package var isTentative: Bool { session.isOffer && !session.isConfirmed }
    /// The path that carries it; nil while there is none.
    package var activePath: Path? { session.activePath.flatMap { paths[$0] } }
    /// How many bytes have arrived that no application has read.
    package var unreadByteCount: Int { session.unreadByteCount }
    /// How many paths it has, those that are being closed among them.
    package var pathCount: Int { paths.count }
    /// Whether a channel is under one of its paths.
    package func runs(on channel: any Channel) -> Bool { paths.values.contains { $0.channel === channel } }
    /// The generation of the last choice of a path that this side knows.
    package var generation: UInt64 { session.generation }
    /// Whether the remote peer has said, by another way, that nothing arrives on the active path.
    package var isSuspect: Bool { session.activePath.map { session.isSuspect($0) } ?? false }
    var elapsed: Duration { .nanoseconds((eventLoop.now - start).nanoseconds) }

    /// Adds a path whose handshake is over, with what has been read from it.
    package func add(_ path: Path, received: ByteBuffer? = nil) {
        nextPathNumber += 1
        let id = PathID(nextPathNumber)
        paths[id] = path
        path.onEvent = { [weak self] event in self?.handle(event, on: id) }
        session.addPath(id, kind: path.kind)
        // A long handshake tells more about the computers than about the path.
        let roundTrip = path.handshakeTime.map { min($0, .seconds(1)) }
        liveness[id] = PathLiveness(path.kind, roundTrip: roundTrip, keepalive: keepalive(path), role: session.role, at: elapsed)
        // Rides with the first frame: what dies before its first answer is found, too.
        if session.role == .dialer { probe(id) }
        if let received { receive(received, on: id) }
        session.flushAcknowledgement()
        drive()
    }

    private func receive(_ bytes: ByteBuffer, on id: PathID) {
        let expected = session.firstExpected
        session.receive(bytes, on: id)
        if let path = paths[id], let silence = liveness[id]?.silence {
            onEvent(.survived(path, silence))
            liveness[id]?.keepalive = keepalive(path)
        }
        // What was late has come through: nothing has to replace the path.
        if liveness[id]?.isUnheard == true { session.trust(id) }
        let isRecord = session.firstExpected > expected
        if isRecord { lastRecord = elapsed }
        liveness[id]?.heard(acknowledged: session.firstUnacknowledged, isOwed: isOwed(id), isRecord: isRecord, at: elapsed)
    }

    /// Whether records that were sent on a path wait for their acknowledgement.
    func isOwed(_ id: PathID) -> Bool { session.activePath == id && session.firstUnacknowledged < session.firstUnsent(on: id) }

    /// An application uses it from now on.
    package func use() {
        guard !isUsed else { return }
        isUsed = true
        onEvent(.windowWanted(session.configuration.connectionWindow))
    }

    /// So many bytes may arrive before the application reads.
    package func grant(window: Int) {
        guard window > session.window else { return }
        session.raiseWindow(to: window)
        driveSoon()
    }

    /// Ends it at once; `reason` is for people.
    package func fail(_ reason: String) {
        session.fail(reason)
        drive()
    }

    /// Ends it at once, and tells the remote peer.
    package func abort(code: UInt64, reason: String) {
        session.abort(code: code, reason: reason)
        drive()
    }

    private func handle(_ event: Path.Event, on id: PathID) {
        switch event {
        case .bytes(let bytes): receive(bytes, on: id)
        case .readCompleted:
            drive()
            acknowledgeSoon()
        case .writabilityChanged: drive()
        case .closed(let error):
            lose(id, error)
            drive()
        case .secured: break
        }
    }

    /// What is received is acknowledged with what the application says to it, or alone, if it says nothing for so long.
    private func acknowledgeSoon() {
        guard session.mayAcknowledge, acknowledging == nil else { return }
        acknowledging = OneShot(on: eventLoop, in: Self.patience) { [weak self] in
            self?.acknowledging = nil
            self?.session.flushAcknowledgement()
            self?.drive()
        }
    }

    /// A path is gone.
    func lose(_ id: PathID, _ error: (any Error)?) {
        guard let path = paths.removeValue(forKey: id) else { return }
        liveness[id] = nil
        acknowledged[id] = nil
        // A path that another one is about to take over from is not missed: its circuit may be closed before the remote peer's answer is here.
        let isReplaced = session.activePath.map { $0 != id } ?? false
        let wasActive = carrier == id && !isReplaced && closeReason == nil
        session.pathClosed(id)
        if carrier == id { carrier = session.activePath }
        if settled == id { settled = nil }
        onEvent(.lostPath(path, error, wasActive: wasActive))
    }

    /// The same as ``drive()``, when what is to be done in this turn of the event loop is done: what many write in it leaves together.
    func driveSoon() {
        guard !isDrivePlanned else { return }
        isDrivePlanned = true
        eventLoop.assumeIsolated().execute { [self] in
            isDrivePlanned = false
            drive()
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
                let sent = session.firstUnsent(on: id)
                if id == session.activePath, let roundTrip = liveness[id]?.leastRoundTrip {
                    session.suit(unacknowledgedBytes: path.pace.underWay(within: roundTrip))
                }
                // Piece by piece: what is packed is encrypted and handed to the system while the processor still has it at hand.
                while path.isWritable, let output = session.output(on: id, limit: path.pace.recordLimit) { path.send(output) }
                path.flush()
                let unsent = session.firstUnsent(on: id)
                guard unsent > sent else { continue }
                lastRecord = elapsed
                liveness[id]?.sent(upTo: unsent, at: elapsed)
            }
            takeEvents()
        }
        carrier = carrier ?? session.activePath
        // The first path is no move.
        if !hasSettled, carrier != nil { (settled, hasSettled) = (carrier, true) }
        lookInTime()
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
            case .confirmed: onEvent(.confirmed)
            case .tookOver(let id, _):
                carrier = id
                liveness[id]?.takeOver(lastRecord: lastRecord)
                // The endpoints of a path that was kept for want of this one are free for another.
                for (other, state) in liveness where other != id && state.isHeldUp { giveUp(other, PathError.silent(state.limit)) }
                // Where a better path died before it carried anything, the session is where it was.
                guard settled != id else { continue }
                settled = id
                if let path = paths[id] { onEvent(.tookOver(path)) }
            case .answered(let id): liveness[id]?.answered(isOwed: isOwed(id), at: elapsed)
            case .closePath(let id): paths[id]?.close()
            case .failedPath(_, let error): refused(error)
            case .windowWanted: onEvent(.windowWanted(min(session.window * 4, session.configuration.largestConnectionWindow)))
            case .withoutPath: break
            case .remoteClosing(let reason): endWriting(reason)
            case .closed(let reason): ended(reason)
            }
        }
    }

    /// The remote peer has been asked for this very session, and does not have it.
    private func refused(_ error: SessionError) {
        switch error.code {
        case .closedByPeer(.unknownSession):
            session.fail("the remote peer has closed the connection or has restarted")
        case .closedByPeer(.refused): session.fail("the remote peer has too many connections or has restarted")
        default: break
        }
    }

    private func ended(_ reason: SessionCloseReason) {
        closeReason = reason
        look?.task.cancel()
        look = nil
        acknowledging?.cancel()
        // It drains until its last bytes are sent; a path that does not take them is forgotten.
        eventLoop.assumeIsolated().scheduleTask(in: Self.farewell) { [self] in
            for id in Array(paths.keys) { giveUp(id, PathError.silent(.nanoseconds(Self.farewell.nanoseconds))) }
        }
        let error = ConnectionError.closed(reason)
        for stream in Array(readers.keys) { resumeReader(of: stream) }
        endWriting(reason)
        for waiting in accepters { waiting.promise.fail(error) }
        for promise in closers { promise.succeed(session.isEverythingRead) }
        accepters = []
        closers = []
        onEvent(.closed(reason))
    }

    /// Nobody will read what is written from now on.
    private func endWriting(_ reason: SessionCloseReason) {
        writeEndReason = writeEndReason ?? reason
        let error = ConnectionError.closed(reason)
        for stream in Array(writers.keys) { failWriters(of: stream, error) }
        for waiting in openers { waiting.promise.fail(error) }
        openers = []
    }
}
