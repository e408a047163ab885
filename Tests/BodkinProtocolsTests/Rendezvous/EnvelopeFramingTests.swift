import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@Suite("Framing of the rendezvous protocol")
struct EnvelopeFramingTests {
    private static func ping(_ number: UInt64) -> WireEnvelope.OneOf_Body {
        var ping = WirePing()
        ping.number = number
        return .ping(ping)
    }

    /// Bytes of a circuit, so many that the message takes `size` bytes in all; the length before it takes three more.
    private static func data(size: Int) -> WireEnvelope.OneOf_Body {
        var data = WireCircuitData()
        data.data = Data(repeating: 7, count: size - 8)
        return .circuitData(data)
    }

    @Test("a message after its length, as docs/wire.md has it")
    func vector() throws {
        var buffer = ByteBuffer()
        try EnvelopeFraming.write(Self.ping(300), to: &buffer)
        // Field 13 of the envelope, 3 bytes: field 1 of the ping, 300 as a varint.
        #expect(Array(buffer.readableBytesView) == [5, 13 << 3 | 2, 3, 1 << 3, 0xAC, 0x02])
        #expect(try EnvelopeFraming.read(from: &buffer)?.body == Self.ping(300))
        #expect(buffer.readableBytes == 0)
    }

    @Test("messages come out whole wherever the stream is cut", arguments: 1...40)
    func split(_ size: Int) throws {
        var stream = ByteBuffer()
        let bodies = [Self.ping(0), Self.ping(.max), Self.data(size: 200), Self.data(size: 17_000), Self.ping(1)]
        for body in bodies { try EnvelopeFraming.write(body, to: &stream) }
        var unread = ByteBuffer()
        var read: [WireEnvelope.OneOf_Body?] = []
        while stream.readableBytes > 0, let piece = stream.readSlice(length: min(size, stream.readableBytes)) {
            unread.writeImmutableBuffer(piece)
            while let envelope = try EnvelopeFraming.read(from: &unread) { read.append(envelope.body) }
        }
        #expect(read == bodies)
        #expect(unread.readableBytes == 0)
    }

    @Test("what is not whole is not touched")
    func incomplete() throws {
        var whole = ByteBuffer()
        try EnvelopeFraming.write(Self.data(size: 300), to: &whole)
        for count in 0..<whole.readableBytes {
            var buffer = ByteBuffer(bytes: whole.readableBytesView.prefix(count))
            #expect(try EnvelopeFraming.read(from: &buffer) == nil)
            #expect(buffer.readableBytes == count)
        }
    }

    @Test("64 KiB is the most, in both directions")
    func limit() throws {
        var buffer = ByteBuffer()
        let largest = Self.data(size: EnvelopeFraming.maximumMessageSize)
        try EnvelopeFraming.write(largest, to: &buffer)
        #expect(buffer.readableBytes == EnvelopeFraming.maximumMessageSize + 3)
        #expect(try EnvelopeFraming.read(from: &buffer)?.body == largest)
        #expect(throws: EnvelopeFraming.Failure.tooLarge) {
            try EnvelopeFraming.write(Self.data(size: EnvelopeFraming.maximumMessageSize + 1), to: &buffer)
        }
        #expect(buffer.readableBytes == 0)
    }

    /// Lengths beyond the limit: 65 537, two million, and varints without end.
    static let lengths: [[UInt8]] = [
        [0x81, 0x80, 0x04], [0xFF, 0xFF, 0x7F], [0x80, 0x80, 0x80], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
    ]

    @Test("a length beyond that is refused before a byte of the message is there", arguments: lengths)
    func tooLarge(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: EnvelopeFraming.Failure.tooLarge) { try EnvelopeFraming.read(from: &buffer) }
    }

    /// Whole by their length, and no protobuf.
    static let defects: [[UInt8]] = [
        [1, 0xFF], [2, 13 << 3 | 2, 5], [3, 0, 0, 0], [2, 1 << 3 | 3, 0], [2, 13 << 3 | 7, 0], [4, 13 << 3 | 2, 2, 1 << 3, 0x80],
    ]

    @Test("a message that is no protobuf is refused", arguments: defects)
    func malformed(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: EnvelopeFraming.Failure.malformed) { try EnvelopeFraming.read(from: &buffer) }
    }

    @Test("a message that a later version added, and an empty one, have no body; the next is read")
    func unknown() throws {
        var buffer = ByteBuffer(bytes: [4, 0xA2, 0x06, 1, 9, 0])
        try EnvelopeFraming.write(Self.ping(2), to: &buffer)
        let first = try #require(try EnvelopeFraming.read(from: &buffer))
        #expect(first.body == nil)
        let second = try #require(try EnvelopeFraming.read(from: &buffer))
        #expect(second.body == nil)
        #expect(try EnvelopeFraming.read(from: &buffer)?.body == Self.ping(2))
    }
}
