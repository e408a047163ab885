import BodkinTransport
import NIOCore
import NIOEmbedded
import Testing

@Suite struct CircuitChannelTests {
    /// What a circuit has sent and granted.
    private final class Record {
        var sent: [Int] = []
        var granted: [Int] = []
        var onSend: () -> Void = {}
    }

    private static func channel(_ record: Record, credit: Int) -> CircuitChannel {
        let channel = CircuitChannel(
            eventLoop: EmbeddedEventLoop(), credit: credit,
            carrier: CircuitChannel.Carrier(
                send: {
                    record.sent.append($0.readableBytes)
                    record.onSend()
                }, grant: { record.granted.append($0) }, finish: {}))
        channel.activate()
        return channel
    }

    @Test func whatIsWrittenGoesOutAsFarAsTheCreditReaches() throws {
        let record = Record()
        let channel = Self.channel(record, credit: 20_000)
        var isDone = false
        channel.writeAndFlush(ByteBuffer(repeating: 1, count: 40_000)).assumeIsolated().whenSuccess { isDone = true }
        #expect(record.sent == [16_384, 3_616] && !isDone)
        channel.grant(10_000)
        #expect(record.sent == [16_384, 3_616, 10_000])
        channel.grant(100_000)
        #expect(record.sent.reduce(0, +) == 40_000 && isDone)
        channel.endByPeer()
    }

    @Test(arguments: [100, 16_384, 40_000]) func aCircuitThatEndsWhileItSendsFailsWhatWaits(count: Int) throws {
        let record = Record()
        let channel = Self.channel(record, credit: 1 << 20)
        // The link breaks at the first piece, and with it all its circuits.
        record.onSend = { channel.endByPeer() }
        var results: [Bool] = []
        for _ in 0..<2 {
            channel.write(ByteBuffer(repeating: 1, count: count)).assumeIsolated().whenComplete { results.append((try? $0.get()) != nil) }
        }
        channel.flush()
        #expect(record.sent.count == 1 && results.count == 2 && results.contains(false))
    }

    @Test func creditIsGivenInPieces() {
        let record = Record()
        let channel = Self.channel(record, credit: 65_536)
        for _ in 0..<7 { channel.receive(ByteBuffer(repeating: 1, count: 10_000)) }
        channel.receive(ByteBuffer(repeating: 1, count: 10_000), isCredited: false)
        #expect(record.granted == [40_000])
        channel.endByPeer()
    }
}
