import BodkinCore
import Testing

@testable import Bodkin

@Suite("A peer's events")
struct PeerEventsTests {
    private static func event(_ number: Int) -> PeerEvent { PeerEvent(kind: .serverLost("\(number)"), elapsed: .milliseconds(number)) }

    private static func text(_ event: PeerEvent?) -> String {
        switch event?.kind {
        case .serverLost(let text)?: text
        case .missed(let count)?: "missed \(count)"
        case nil: "end"
        default: "other"
        }
    }

    @Test("each consumer has every event from its beginning on, and the end")
    func consumers() async {
        let source = PeerEventSource()
        let events = PeerEvents(source: source)
        var first = events.makeAsyncIterator()
        source.emit(Self.event(1))
        var second = events.makeAsyncIterator()
        source.emit(Self.event(2))
        source.finish()
        #expect(Self.text(await first.next()) == "1")
        #expect(Self.text(await first.next()) == "2")
        #expect(Self.text(await first.next()) == "end")
        #expect(Self.text(await second.next()) == "2")
        #expect(Self.text(await second.next()) == "end")
        var late = events.makeAsyncIterator()
        #expect(Self.text(await late.next()) == "end")
    }

    @Test("a consumer that waits has the next event, and a cancelled one the end")
    func waiting() async {
        let source = PeerEventSource()
        var iterator = PeerEvents(source: source).makeAsyncIterator()
        let subscription = iterator.subscription
        let waiting = Task { Self.text(await subscription.next()) }
        while !subscription.isWaiting { await Task.yield() }
        source.emit(Self.event(7))
        #expect(await waiting.value == "7")
        let cancelled = Task { Self.text(await subscription.next()) }
        cancelled.cancel()
        #expect(await cancelled.value == "end")
        source.emit(Self.event(8))
        #expect(Self.text(await iterator.next()) == "8")
    }

    @Test("a consumer that falls behind loses the oldest events, is told how many, and holds nobody up")
    func behind() async {
        let source = PeerEventSource()
        let events = PeerEvents(source: source)
        var slow = events.makeAsyncIterator()
        for number in 0..<(PeerEvents.bufferLimit + 3) { source.emit(Self.event(number)) }
        #expect(Self.text(await slow.next()) == "missed 3")
        #expect(Self.text(await slow.next()) == "3")
        #expect(Self.text(await slow.next()) == "4")
    }
}
