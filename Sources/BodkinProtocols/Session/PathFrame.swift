package import NIOCore

/// The frames of a path: type, length, payload.
package enum PathFrame: Hashable {
    case open(PathOpening)
    /// The dialer chooses this path.
    case choose(generation: UInt64, nextExpected: UInt64)
    /// The called side follows.
    case chosen(generation: UInt64, nextExpected: UInt64)
    /// Every record below this number has arrived.
    case acknowledge(nextExpected: UInt64)
    /// A numbered record: frames as in a QUIC packet.
    case record(number: UInt64, frames: ByteBuffer)
    case close(PathCloseReason)
    /// Asks for a sign of life on this very path.
    case probe(UInt64)
    /// The answer to the PROBE of this number.
    case probeAnswer(UInt64)
    /// Of a type that a later version knows.
    case unknown

    /// The greatest payload of a RECORD: what is put together for it, and a piece of 64 KiB behind that.
    static let largestRecord = 81_920
    /// How much of a RECORD is put together from small pieces: with its header that fits one TLS record of 16 384 bytes.
    static let largestHead = 16_000
    /// The longest piece of a stream that ends a RECORD.
    static let largestBody = 65_536
    /// The greatest payload of every other frame.
    static let largestPayload = 16_384

    enum Kind {
        static let open: UInt64 = 0
        static let choose: UInt64 = 1
        static let chosen: UInt64 = 2
        static let acknowledge: UInt64 = 3
        static let record: UInt64 = 4
        static let close: UInt64 = 5
        static let probe: UInt64 = 6
        static let probeAnswer: UInt64 = 7
        static let firstIgnored: UInt64 = 64
    }

    /// Reads a frame's payload.
    init(type: UInt64, payload: ByteBuffer) throws(SessionError) {
        var payload = payload
        switch type {
        case Kind.open:
            self = .open(try PathOpening(from: &payload))
            return
        case Kind.choose: self = .choose(generation: try Self.integer(&payload, "CHOOSE"), nextExpected: try Self.integer(&payload, "CHOOSE"))
        case Kind.chosen: self = .chosen(generation: try Self.integer(&payload, "CHOSEN"), nextExpected: try Self.integer(&payload, "CHOSEN"))
        case Kind.acknowledge: self = .acknowledge(nextExpected: try Self.integer(&payload, "ACK"))
        case Kind.record:
            guard payload.readableBytes <= Self.largestRecord else {
                throw SessionError(.pathFrameTooLong, "a RECORD of \(payload.readableBytes) bytes, \(Self.largestRecord) are allowed")
            }
            self = .record(number: try Self.integer(&payload, "RECORD"), frames: payload)
            return
        case Kind.close: self = .close(PathCloseReason(wireCode: try Self.integer(&payload, "PATH_CLOSE")))
        case Kind.probe: self = .probe(try Self.integer(&payload, "PROBE"))
        case Kind.probeAnswer: self = .probeAnswer(try Self.integer(&payload, "PROBE_ANSWER"))
        case Kind.firstIgnored...:
            self = .unknown
            return
        default: throw SessionError(.unknownPathFrame, "a path frame of the unknown type \(type)")
        }
        guard payload.readableBytes == 0 else { throw SessionError(.malformedPathFrame, "a path frame of type \(type) with bytes after its fields") }
    }

    private static func integer(_ payload: inout ByteBuffer, _ name: String) throws(SessionError) -> UInt64 {
        guard let value = payload.readQUICInteger() else { throw SessionError(.malformedPathFrame, "\(name) cannot be read") }
        return value
    }

    /// Writes the frame whole.
    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .open(let opening):
            var payload = ByteBuffer()
            opening.write(to: &payload)
            Self.write(Kind.open, payload, to: &buffer)
        case .choose(let generation, let next): Self.write(Kind.choose, [generation, next], to: &buffer)
        case .chosen(let generation, let next): Self.write(Kind.chosen, [generation, next], to: &buffer)
        case .acknowledge(let next): Self.write(Kind.acknowledge, [next], to: &buffer)
        case .record(let number, let frames):
            var payload = ByteBuffer()
            payload.writeQUICInteger(number)
            payload.writeImmutableBuffer(frames)
            Self.write(Kind.record, payload, to: &buffer)
        case .close(let reason): Self.write(Kind.close, [reason.wireCode], to: &buffer)
        case .probe(let number): Self.write(Kind.probe, [number], to: &buffer)
        case .probeAnswer(let number): Self.write(Kind.probeAnswer, [number], to: &buffer)
        case .unknown: Self.write(Kind.firstIgnored, ByteBuffer(), to: &buffer)
        }
    }

    private static func write(_ type: UInt64, _ values: [UInt64], to buffer: inout ByteBuffer) {
        buffer.writeQUICInteger(type)
        buffer.writeQUICInteger(UInt64(values.reduce(0) { $0 + QUICInteger.length(of: $1) }))
        for value in values { buffer.writeQUICInteger(value) }
    }

    private static func write(_ type: UInt64, _ payload: ByteBuffer, to buffer: inout ByteBuffer) {
        buffer.writeQUICInteger(type)
        buffer.writeQUICInteger(UInt64(payload.readableBytes))
        buffer.writeImmutableBuffer(payload)
    }
}
