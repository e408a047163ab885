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

    private static func channel(_ record: Record, window: Int?, takeEarly: @escaping (ByteBuffer) -> Bool = { _ in false }) -> CircuitChannel {
        let channel = CircuitChannel(
            eventLoop: EmbeddedEventLoop(), window: window,
            carrier: CircuitChannel.Carrier(
                takeEarly: takeEarly,
                send: {
                    record.sent.append($0.readableBytes)
                    record.onSend()
                }, grant: { record.granted.append($0) }, finish: {}))
        channel.activate()
        return channel
    }

    @Test func whatIsWrittenGoesOutAsFarAsTheCreditReaches() throws {
        let record = Record()
        let channel = Self.channel(record, window: 20_000)
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
        let channel = Self.channel(record, window: 1 << 20)
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
        let channel = Self.channel(record, window: 65_536)
        for _ in 0..<7 { channel.receive(ByteBuffer(repeating: 1, count: 10_000)) }
        channel.receive(ByteBuffer(repeating: 1, count: 10_000), isCredited: false)
        #expect(record.granted == [40_000])
        channel.endByPeer()
    }

    @Test func theFirstFlightNeedsNoCredit() {
        let record = Record()
        var early = 0
        let channel = Self.channel(record, window: nil) {
            guard early == 0 else { return false }
            early = $0.readableBytes
            return true
        }
        channel.writeAndFlush(ByteBuffer(repeating: 1, count: 280), promise: nil)
        channel.writeAndFlush(ByteBuffer(repeating: 1, count: 70), promise: nil)
        #expect(early == 280 && record.sent.isEmpty)
        channel.open(window: 100)
        #expect(record.sent == [70])
        // The server tells it once.
        channel.open(window: 1000)
        channel.writeAndFlush(ByteBuffer(repeating: 1, count: 40), promise: nil)
        #expect(record.sent == [70, 30])
        channel.endByPeer()
    }

    @Test(arguments: [1, 2, 300, 20_000, 65_536, 262_144]) func aReaderGivesCreditBeforeTheWindowIsUsedUp(window: Int) {
        let record = Record()
        let channel = Self.channel(record, window: window)
        var rest = window
        while rest > 0 {
            let piece = min(rest, CircuitChannel.maximumPieceSize)
            channel.receive(ByteBuffer(repeating: 1, count: piece))
            rest -= piece
        }
        #expect(record.granted.reduce(0, +) > window / 2)
        channel.endByPeer()
    }

    /// What may still be asked of a channel when its circuit has ended.
    enum LateUse: CaseIterable, Sendable {
        case nothing, pipeline, write, flush, read, close, event, grant, receive, end

        func use(_ channel: CircuitChannel) {
            switch self {
            case .nothing: break
            case .pipeline: _ = channel.pipeline
            case .write: channel.write(ByteBuffer(integer: 1), promise: nil)
            case .flush: channel.flush()
            case .read: channel.read()
            case .close: channel.close(promise: nil)
            case .event: channel.triggerUserOutboundEvent(1, promise: nil)
            case .grant: channel.grant(1)
            case .receive: channel.receive(ByteBuffer(integer: 1))
            case .end: channel.endByPeer()
            }
        }
    }

    @Test(arguments: LateUse.allCases, [true, false]) func aCircuitThatHasEndedIsReleasedWhateverIsStillAskedOfIt(_ use: LateUse, isClosed: Bool) {
        let loop = EmbeddedEventLoop()
        weak var released: CircuitChannel?
        func live() {
            let channel = CircuitChannel(
                eventLoop: loop, window: 100, carrier: CircuitChannel.Carrier(send: { _ in }, grant: { _ in }, finish: {}))
            released = channel
            channel.activate()
            if isClosed { channel.close(promise: nil) } else { channel.endByPeer() }
            loop.run()
            use.use(channel)
            loop.run()
        }
        live()
        #expect(released == nil)
    }
}
