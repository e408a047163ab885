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
}
