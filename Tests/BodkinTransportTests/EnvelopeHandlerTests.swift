import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOEmbedded
import Testing

@Suite("Envelopes on a channel")
struct EnvelopeHandlerTests {
    private static func data(_ count: Int) -> WireEnvelope.OneOf_Body {
        var data = WireCircuitData()
        data.data = Data(count: count)
        return .circuitData(data)
    }

    @Test("a message that is too long is told to its writer, and what is written before and after it goes out")
    func undeliverable() throws {
        let channel = EmbeddedChannel(handler: EnvelopeHandler())
        channel.write(Self.data(1), promise: nil)
        let refused = channel.write(Self.data(70_000))
        channel.write(Self.data(2), promise: nil)
        channel.flush()
        #expect(throws: UndeliverableMessage.self) { try channel.throwIfErrorCaught() }
        #expect(throws: UndeliverableMessage.self) { try refused.wait() }
        var bytes = ByteBuffer()
        while var piece = try channel.readOutbound(as: ByteBuffer.self) { bytes.writeBuffer(&piece) }
        #expect(try EnvelopeFraming.read(from: &bytes)?.body == Self.data(1))
        #expect(try EnvelopeFraming.read(from: &bytes)?.body == Self.data(2))
        #expect(channel.isActive == false || bytes.readableBytes == 0)
    }

    /// Counts what goes through it, and is writable as it is told.
    private final class Below: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        var reads = 0
        func read(context: ChannelHandlerContext) {
            reads += 1
            context.read()
        }
    }

    private final class Above: ChannelInboundHandler {
        typealias InboundIn = WireEnvelope
        var numbers: [UInt64] = []
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .ping(let ping)? = unwrapInboundIn(data).body { numbers.append(ping.number) }
        }
    }

    private static func ping(_ number: UInt64) -> WireEnvelope.OneOf_Body {
        var ping = WirePing()
        ping.number = number
        return .ping(ping)
    }

    private static func bytes(_ bodies: [WireEnvelope.OneOf_Body]) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        for body in bodies { try EnvelopeFraming.write(body, to: &buffer) }
        return buffer
    }

    @Test("what is written before a flush leaves in one piece, and every promise is kept")
    func joined() throws {
        let channel = EmbeddedChannel(handler: EnvelopeHandler())
        let bodies = (0..<100 as Range<UInt64>).map(Self.ping)
        let written = bodies.map { channel.write($0) }
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        channel.flush()
        #expect(try channel.readOutbound(as: ByteBuffer.self) == Self.bytes(bodies))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        for promise in written { try promise.wait() }
    }

    @Test("what the channel does not take waits, is counted, and leaves in its order when the channel takes more")
    func waiting() throws {
        let handler = EnvelopeHandler()
        let channel = EmbeddedChannel(handler: handler)
        channel.isWritable = false
        let bodies = (0..<50).map { Self.data($0 * 100) }
        let written = bodies.map { channel.writeAndFlush($0) }
        let all = try Self.bytes(bodies)
        #expect(handler.waitingByteCount == all.readableBytes && handler.bufferedByteCount >= all.readableBytes)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        var sent = ByteBuffer()
        while var piece = try channel.readOutbound(as: ByteBuffer.self) {
            // Two TLS records with what encryption adds take a buffer of 32 KiB.
            #expect(piece.readableBytes <= 32_768 - 2 * 64)
            sent.writeBuffer(&piece)
        }
        #expect(sent == all && handler.waitingByteCount == 0 && handler.bufferedByteCount == 0)
        for promise in written { try promise.wait() }
    }

    @Test("who is gone has no promise left open")
    func gone() throws {
        let channel = EmbeddedChannel(handler: EnvelopeHandler())
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/none")).wait()
        channel.isWritable = false
        let written = channel.writeAndFlush(Self.ping(1))
        try channel.close().wait()
        #expect(throws: ChannelError.self) { try written.wait() }
    }

    @Test("while the gate is shut no message passes and nothing is read; then all come in their order", arguments: 0...6)
    func gate(_ limit: Int) throws {
        let (below, handler, above) = (Below(), EnvelopeHandler(), Above())
        let channel = EmbeddedChannel(handlers: [below, handler, above])
        var left = limit
        handler.gate = {
            left -= 1
            return left >= 0
        }
        try channel.writeInbound(Self.bytes((0..<3 as Range<UInt64>).map(Self.ping)))
        try channel.writeInbound(Self.bytes((3..<6 as Range<UInt64>).map(Self.ping)))
        #expect(above.numbers == (0..<UInt64(limit)).map { $0 })
        let reads = below.reads
        channel.read()
        channel.read()
        #expect(below.reads == (limit < 6 ? reads : reads + 2))
        #expect(handler.bufferedByteCount > 0 || limit == 6)
        left = 100
        handler.resume()
        #expect(above.numbers == (0..<6).map { $0 } && handler.bufferedByteCount == 0)
        if limit < 6 { #expect(below.reads == reads + 1) }
    }

    @Test("half a message keeps a buffer of about its size, whatever it came in")
    func half() throws {
        let handler = EnvelopeHandler()
        let channel = EmbeddedChannel(handler: handler)
        var large = ByteBufferAllocator().buffer(capacity: 1 << 20)
        let message = try Self.bytes([Self.data(40_000)])
        large.writeImmutableBuffer(try #require(message.getSlice(at: 0, length: 100)))
        try channel.writeInbound(large)
        #expect(handler.bufferedByteCount >= 100 && handler.bufferedByteCount <= 1_024)
    }

    @Test("a message above the limit of the moment is refused by its length alone")
    func limit() throws {
        let handler = EnvelopeHandler()
        let channel = EmbeddedChannel(handler: handler)
        handler.maximumMessageSize = 1_000
        try channel.writeInbound(Self.bytes([Self.data(900)]))
        #expect(throws: EnvelopeFraming.Failure.tooLarge) {
            try channel.writeInbound(#require(Self.bytes([Self.data(1_001)]).getSlice(at: 0, length: 3)))
        }
    }

    @Test("what comes after the last word is not looked at")
    func discarding() throws {
        let (handler, above) = (EnvelopeHandler(), Above())
        let channel = EmbeddedChannel(handlers: [handler, above])
        handler.gate = { false }
        try channel.writeInbound(Self.bytes([Self.ping(1)]))
        handler.isDiscarding = true
        channel.embeddedEventLoop.run()
        try channel.writeInbound(Self.bytes([Self.ping(2)]))
        #expect(above.numbers == [] && handler.bufferedByteCount == 0)
    }
}
