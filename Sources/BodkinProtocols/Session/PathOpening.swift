package import BodkinCore
import NIOCore

/// The first frame in each direction of every path (OPEN): whose session it is for, and from where it goes on.
package struct PathOpening: Hashable, Sendable {
    /// What the sender of an OPEN wants.
    package enum Mode: UInt8, Hashable, Sendable {
        /// The sender does not know yet whether the receiver knows the session: begin it where it is unknown.
        case start = 0
        /// The session exists at both ends: refuse the path where it is unknown.
        case attach = 1
        /// As `start`, by a sender whose application does not have the session yet: where both sides begin one, this one may give way.
        case offer = 2
    }

    /// The session.
    package var session: SessionID
    /// The sender's instance.
    package var sender: InstanceID
    /// The instance that is meant to receive it.
    package var receiver: InstanceID
    /// Whether the session may be new to the receiver.
    package var mode: Mode
    /// What the path runs over.
    package var kind: PathKind
    /// The generation by which the dialer chooses this path, 0 where it does not; in the called side's answer, the choice that it accepts.
    package var generation: UInt64
    /// The first record that the sender has not received yet.
    package var nextExpected: UInt64
    /// How much the sender takes at first.
    package var limits: InitialLimits

    /// An OPEN from its parts.
    package init(
        session: SessionID, sender: InstanceID, receiver: InstanceID, mode: Mode, kind: PathKind, generation: UInt64, nextExpected: UInt64,
        limits: InitialLimits
    ) {
        self.session = session
        self.sender = sender
        self.receiver = receiver
        self.mode = mode
        self.kind = kind
        self.generation = generation
        self.nextExpected = nextExpected
        self.limits = limits
    }

    static let version: UInt64 = 2

    func write(to buffer: inout ByteBuffer) {
        buffer.writeQUICInteger(Self.version)
        for bytes in [session.bytes, sender.bytes, receiver.bytes] { buffer.writeBytes(bytes) }
        buffer.writeInteger(mode.rawValue)
        buffer.writeInteger(kind.wireCode)
        for value in [generation, nextExpected, limits.data, limits.streamData, limits.streams] { buffer.writeQUICInteger(value) }
    }
}

extension PathOpening {
    /// Reads the payload of an OPEN. Bytes after the known fields are ignored: room to grow.
    init(from buffer: inout ByteBuffer) throws(SessionError) {
        guard let version = buffer.readQUICInteger() else { throw Self.isMalformed }
        guard version == Self.version else {
            throw SessionError(
                .unsupportedVersion, "the remote peer speaks version \(version) of the session protocol, the local peer version \(Self.version)")
        }
        guard
            let session = buffer.readBytes(length: 16).flatMap({ SessionID(bytes: $0) }),
            let sender = buffer.readBytes(length: 16).flatMap({ InstanceID(bytes: $0) }),
            let receiver = buffer.readBytes(length: 16).flatMap({ InstanceID(bytes: $0) }),
            let mode = buffer.readInteger(as: UInt8.self).flatMap(Mode.init),
            let kind = buffer.readInteger(as: UInt8.self).flatMap(PathKind.init(wireCode:)),
            let generation = buffer.readQUICInteger(), let nextExpected = buffer.readQUICInteger(),
            let data = buffer.readQUICInteger(), let streamData = buffer.readQUICInteger(), let streams = buffer.readQUICInteger()
        else { throw Self.isMalformed }
        let limits = InitialLimits(data: data, streamData: streamData, streams: streams)
        guard limits.data >= InitialLimits.floor, limits.streamData >= InitialLimits.floor else {
            throw SessionError(.limitsTooLow, "OPEN offers windows below 65536 bytes")
        }
        self.init(
            session: session, sender: sender, receiver: receiver, mode: mode, kind: kind, generation: generation, nextExpected: nextExpected,
            limits: limits)
    }

    private static var isMalformed: SessionError { SessionError(.malformedPathFrame, "OPEN cannot be read") }
}

/// How much the sender of an OPEN takes before it says more (as QUIC's transport parameters do).
package struct InitialLimits: Hashable, Sendable {
    /// Bytes of all streams.
    package var data: UInt64
    /// Bytes of each stream.
    package var streamData: UInt64
    /// Streams of the receiver's opening; stream 0 does not count.
    package var streams: UInt64

    /// Limits from their parts.
    package init(data: UInt64, streamData: UInt64, streams: UInt64) {
        self.data = data
        self.streamData = streamData
        self.streams = streams
    }

    /// What everyone grants: so much may be sent, on stream 0, before the remote peer's OPEN has arrived.
    package static let floor = 65_536
    /// What is known before the remote peer's OPEN has arrived.
    static let beforeOpen = InitialLimits(data: UInt64(floor), streamData: UInt64(floor), streams: 0)
}
