import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionClosingTests {
    @Test func closeWaitsUntilEverythingIsAcknowledged() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(100_000)) == 100_000)
        wire.dialer.session.close(code: 3, reason: "done")
        #expect(wire.dialer.write(pattern(1)) == 0)
        wire.send()
        #expect(wire.dialer.closeReason == nil)
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 3, reason: "done"))
        #expect(wire.called.closeReason == .remote(code: 3, reason: "done"))
        // What came before the end can still be read.
        let isWhole = wire.called.readAll().bytes == Array(pattern(100_000).readableBytesView)
        #expect(isWhole)
        for end in [wire.dialer, wire.called] { #expect(end.events.last == .closePath(path) && end.hasEnded) }
    }

    @Test func closeOutlivesThePath() {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(100_000)) == 100_000)
        wire.dialer.session.close(code: 0, reason: "")
        wire.send()
        wire.cut(path)
        wire.connect(2)
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 0, reason: ""))
        #expect(wire.called.readAll().bytes.count == 100_000)
    }

    @Test func bothMayCloseAtOnce() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        wire.dialer.session.close(code: 1, reason: "a")
        wire.called.session.close(code: 2, reason: "b")
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 1, reason: "a") && wire.called.closeReason == .local(code: 2, reason: "b"))
    }

    @Test func abortDropsWhatWasNotSent() {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        #expect(wire.called.write(pattern(100_000)) == 100_000)
        wire.called.session.abort(code: 9, reason: String(repeating: "x", count: 5_000))
        wire.collect()
        let reason = String(repeating: "x", count: 1_024)
        #expect(wire.called.closeReason == .local(code: 9, reason: reason))
        wire.settle()
        #expect(wire.dialer.closeReason == .remote(code: 9, reason: reason))
        #expect(wire.dialer.readAll().bytes.isEmpty)
        #expect(wire.called.events.contains(.closePath(path)) && wire.dialer.events.contains(.closePath(path)))
    }

    @Test func failEndsASessionWithoutPaths() {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        wire.cut(path)
        wire.dialer.session.fail("no path came back")
        wire.collect()
        #expect(wire.dialer.closeReason == .failed("no path came back") && wire.dialer.hasEnded)
        wire.dialer.session.fail("again")
        wire.collect()
        #expect(wire.dialer.events.count { if case .closed = $0 { true } else { false } } == 1)
    }
}
