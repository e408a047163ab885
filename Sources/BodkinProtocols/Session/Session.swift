package import BodkinCore
import DequeModule
import NIOCore
import OrderedCollections

/// A connection between two instances that outlives the paths it runs over: streams, flow control, acknowledgement, replay.
///
/// The session has no socket, no clock and no task. Its driver reports paths and their bytes, and after every call takes all
/// events (`nextEvent()`) and, for every path that can be written to, all bytes (`output(on:limit:)`; taking bytes may make events). The wire
/// format is in docs/wire.md.
///
/// ```
///           close              everything read there, and CONNECTION_CLOSE packed
///  open ─────────────▶ draining ────────────────────────────────────▶ closing(its record)
///   │                     │                                              │
///   │ abort, or           │ abort, or                                    │ acknowledged, or the remote peer
///   │ protocol error      │ protocol error                               │ says that the session is over
///   ▼                     ▼              CONNECTION_CLOSE packed         ▼
///  aborting(frame) ◀──────┘ ───────────────────────────────────────▶   ended
/// ```
/// `fail` and a CONNECTION_CLOSE of the remote peer lead to `ended` from everywhere; every path then gets a PATH_CLOSE.
///
/// ```text
/// var session = Session(role: .dialer, id: .random(), localInstance: mine, remoteInstance: theirs)
/// session.addPath(PathID(1), kind: .tcp)
/// _ = session.write(ByteBuffer(string: "hello"), to: .initial)
/// while let output = session.output(on: PathID(1), limit: 65_536) { send(output) }
/// ```
public struct Session: ~Copyable, Sendable {
    enum State: Hashable, Sendable {
        case open
        /// No more writes; CONNECTION_CLOSE follows when everything written is packed, and the remote application has read it if that is awaited.
        case draining(code: UInt64, reason: String, isReadAwaited: Bool)
        /// CONNECTION_CLOSE is in this record.
        case closing(record: UInt64, SessionCloseReason)
        /// CONNECTION_CLOSE is owed at once.
        case aborting(SessionFrame)
        case ended
    }

    /// Which end this is.
    package let role: Role
    /// Which session this is.
    package let id: SessionID
    /// This side's instance.
    package let localInstance: InstanceID
    /// The remote peer's instance.
    package let remoteInstance: InstanceID
    /// Whether the application does not have it before the remote peer has answered, so that it may give way until then.
    package let isOffer: Bool
    /// The bounds.
    package let configuration: Configuration

    var state = State.open
    var events: Deque<Event> = []

    // The end.
    /// CLOSING is to be sent.
    var owesClosing = false
    /// The remote application has closed.
    var remoteClosing: SessionCloseReason?
    /// Something that was written will never be read.
    var hasUnread = false
    /// Whether everything was read when the session ended; nil before.
    var outcomeIsRead: Bool?

    // Paths.
    var paths: OrderedDictionary<PathID, SessionPath> = [:]
    var readers: OrderedDictionary<PathID, PathReader> = [:]
    /// The path on which this side sends; nil while there is none.
    package internal(set) var activePath: PathID?
    /// The generation of the last choice that this side knows, 0 before the first.
    package internal(set) var generation: UInt64 = 0
    /// Whether the remote peer has answered on any path: it knows the session.
    package internal(set) var isConfirmed = false
    /// No usable path is left, and the event has said so.
    var isWithoutPath = true
    /// How many PROBEs there were, over all paths.
    var probeCount: UInt64 = 0

    // Records.
    var log: RecordLog
    var nextExpected: UInt64 = 0
    var unreportedBytes = 0
    var owesAcknowledgement = false

    // Streams.
    var streams: [StreamID: SessionStream] = [:]
    var ready = TurnQueue()
    var control: Deque<StreamID> = []
    var queuedBytes = 0
    var remoteLimits = InitialLimits.beforeOpen
    var sentBytes: UInt64 = 0
    /// The limit for all streams of which a DATA_BLOCKED has told the remote peer.
    var blockedAt: UInt64?
    var receiveWindow: FlowWindow
    var openedLocally: UInt64 = 0
    var openedRemotely: UInt64 = 0
    var aliveLocally = 0
    var remoteStreamLimit: UInt64
    var forgottenRemotely: UInt64 = 0
    var owesStreamLimit = false
    var wantsStream = false

    /// A session without a path, with stream 0 open.
    /// - Parameter window: how many bytes of all streams may arrive before the application reads, until ``raiseWindow(to:)`` says more; nil for what the configuration says, and
    ///   then the window grows by itself.
    package init(
        role: Role, id: SessionID, localInstance: InstanceID, remoteInstance: InstanceID, isOffer: Bool = false,
        configuration: Configuration = Configuration(), window: Int? = nil
    ) {
        self.role = role
        self.id = id
        self.localInstance = localInstance
        self.remoteInstance = remoteInstance
        self.isOffer = isOffer
        self.configuration = configuration
        log = RecordLog(configuration)
        receiveWindow =
            window.map { FlowWindow(size: max($0, InitialLimits.floor), largest: 0) }
            ?? FlowWindow(size: configuration.connectionWindow, largest: configuration.largestConnectionWindow)
        remoteStreamLimit = UInt64(configuration.remoteStreams)
        streams[.initial] = newStream()
    }

    /// What happened; nil when nothing is left. To be called, until nil, after every other call.
    package mutating func nextEvent() -> Event? { events.popFirst() }

    /// The first record that has not been acknowledged.
    package var firstUnacknowledged: UInt64 { log.first }
    /// The first record that has not come yet.
    package var firstExpected: UInt64 { nextExpected }
    /// The bytes of records that wait for their acknowledgement, with 64 for the keeping of each.
    package var unacknowledgedByteCount: Int { log.byteCount }
    /// So many bytes of records suit the path: beyond that no data is packed while they wait for their acknowledgement. Never more than
    /// ``Configuration/unacknowledgedBytes``.
    package mutating func suit(unacknowledgedBytes bytes: Int) { log.suitableBytes = bytes }
    /// How many bytes of all streams together may arrive before the application reads.
    package var window: Int { Int(clamping: receiveWindow.size) }
    /// So many bytes of all streams together may arrive before the application reads; never fewer than before.
    package mutating func raiseWindow(to bytes: Int) { receiveWindow.raise(to: bytes) }
    /// The bytes that were received and not read.
    package var unreadByteCount: Int { Int(clamping: receiveWindow.buffered) }
    /// The bytes that were written and not packed into records.
    package var unsentByteCount: Int { queuedBytes }
    /// How many streams exist.
    package var streamCount: Int { streams.count }
    /// Whether the remote application has read everything that was written and not reset, with the end of every stream that was finished. After the end of
    /// the session: whether it had, as far as it has said.
    package var isEverythingRead: Bool { outcomeIsRead ?? (!hasUnread && streams.values.allSatisfy { $0.outbound.isRead(isClosing: false) }) }
    /// Whether either application has closed, or the session is over.
    package var isClosing: Bool { state != .open || remoteClosing != nil }
    /// Whether the session is over.
    package var hasEnded: Bool { state == .ended }
}
