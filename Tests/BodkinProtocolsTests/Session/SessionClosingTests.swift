import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionClosingTests {
    @Test func closeWaitsUntilEverythingIsRead() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(100_000)) == 100_000)
        wire.dialer.session.close(code: 3, reason: "done")
        #expect(wire.dialer.write(pattern(1)) == 0)
        wire.settle()
        #expect(wire.dialer.closeReason == nil && !wire.dialer.isEverythingRead)
        #expect(wire.called.events.contains(.remoteClosing(.remote(code: 3, reason: "done"))))
        let (bytes, last) = wire.called.readAll()
        #expect(bytes == Array(pattern(100_000).readableBytesView) && last == .end)
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 3, reason: "done") && wire.dialer.isEverythingRead)
        #expect(wire.called.closeReason == .remote(code: 3, reason: "done"))
        for end in [wire.dialer, wire.called] { #expect(end.events.last == .closePath(path) && end.hasEnded) }
    }

    @Test func closeWithoutWaitingLeavesTheBytesAndTheEndToBeRead() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(100_000)) == 100_000)
        wire.dialer.session.close(code: 0, reason: "", isReadAwaited: false)
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 0, reason: "") && !wire.dialer.isEverythingRead)
        #expect(wire.called.closeReason == .remote(code: 0, reason: ""))
        let (bytes, last) = wire.called.readAll()
        #expect(bytes.count == 100_000 && last == .end)
    }

    @Test func anApplicationThatHasReadEveryByteNeedsNotReadTheEndOfAStreamThatOnlyTheCloseFinished() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(5)) == 5)
        wire.settle()
        #expect(wire.called.read() == .bytes(pattern(5)))
        wire.dialer.session.close(code: 0, reason: "")
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 0, reason: "") && wire.dialer.isEverythingRead)
    }

    @Test func aFinishedStreamIsReadOnlyWithItsEnd() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(5)) == 5)
        wire.dialer.session.finish(.initial)
        wire.dialer.session.close(code: 0, reason: "")
        wire.settle()
        // The application may still be busy with these bytes.
        #expect(wire.called.read() == .bytes(pattern(5)))
        wire.settle()
        #expect(wire.dialer.closeReason == nil)
        #expect(wire.called.read() == .end)
        wire.settle()
        #expect(wire.dialer.closeReason != nil && wire.dialer.isEverythingRead)
    }

    /// An application that closes as well has no use for more. Whether that is all, the counts say.
    @Test(arguments: [(5, true), (4, false), (0, false)]) func bothCloseWithoutReadingTheEnd(readCount: Int, isRead: Bool) {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(5)) == 5)
        wire.dialer.session.finish(.initial)
        wire.settle()
        if readCount > 0 { #expect(wire.called.read(limit: readCount) == .bytes(pattern(readCount))) }
        wire.dialer.session.close(code: 0, reason: "")
        wire.called.session.close(code: 0, reason: "")
        wire.settle()
        for end in [wire.dialer, wire.called] { #expect(end.closeReason == .local(code: 0, reason: "") && end.hasEnded) }
        #expect(wire.dialer.isEverythingRead == isRead && wire.called.isEverythingRead)
    }

    @Test func whatTheLocalPeerWritesIsNotReadByOneThatCloses() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(300_000)) == 262_144)
        wire.called.session.close(code: 0, reason: "")
        wire.settle()
        #expect(wire.dialer.events.contains(.remoteClosing(.remote(code: 0, reason: ""))))
        #expect(wire.dialer.write(pattern(1)) == 0 && wire.dialer.open() == nil && wire.dialer.unsent == 0)
        // The closing side wrote nothing, so nothing has to be read.
        #expect(wire.called.closeReason == .local(code: 0, reason: "") && wire.called.isEverythingRead)
        #expect(wire.dialer.closeReason == .remote(code: 0, reason: "") && !wire.dialer.isEverythingRead)
        #expect(wire.dialer.read() == .end)
    }

    @Test(arguments: [true, false]) func aReaderThatStopsHasNotReadEverything(isFinished: Bool) {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(5)) == 5)
        if isFinished { wire.dialer.session.finish(.initial) }
        wire.settle()
        wire.called.session.stopSending(.initial, code: 0)
        wire.settle()
        #expect(wire.dialer.events.contains(.stopped(.initial, code: 0)) && !wire.dialer.isEverythingRead)
        // Nobody waits for it for ever.
        wire.dialer.session.close(code: 0, reason: "")
        wire.called.session.close(code: 0, reason: "")
        wire.settle()
        #expect(wire.dialer.hasEnded && wire.called.hasEnded && !wire.dialer.isEverythingRead && wire.called.isEverythingRead)
    }

    @Test func aStopOfAStreamWithoutBytesLosesNothing() {
        let wire = SessionWire()
        wire.connect(1)
        wire.settle()
        wire.called.session.stopSending(.initial, code: 0)
        wire.dialer.session.finish(.initial)
        wire.settle()
        #expect(wire.dialer.isEverythingRead)
    }

    @Test func anAbortOrALossLeavesWhatWasNotReadUnread() {
        for isAborted in [true, false] {
            let wire = SessionWire()
            let path = wire.connect(1)
            wire.settle()
            let stream = wire.dialer.open() ?? .initial
            for stream in [stream, .initial] {
                #expect(wire.dialer.write(pattern(5), to: stream) == 5)
                wire.dialer.session.finish(stream)
            }
            wire.settle()
            #expect(wire.called.readAll(stream).last == .end)
            wire.settle()
            #expect(!wire.dialer.isEverythingRead)
            if isAborted {
                wire.called.session.abort(code: 0, reason: "")
                wire.settle()
            } else {
                wire.cut(path)
                wire.dialer.session.fail("lost")
                wire.collect()
            }
            #expect(wire.dialer.hasEnded && !wire.dialer.isEverythingRead, "aborted: \(isAborted)")
        }
    }

    @Test func aSTREAM_READForMoreThanWasSentEndsTheSession() {
        for (count, isEnd) in [(6, false), (5, true)] as [(UInt64, Bool)] {
            let wire = SessionWire()
            let path = wire.connect(1)
            wire.settle()
            #expect(wire.dialer.write(pattern(5)) == 5)
            wire.settle()
            var bytes = ByteBuffer()
            SessionFrame.streamRead(.initial, count: count, isEnd: isEnd).write(to: &bytes)
            wire.dialer.receive(.record(number: 0, frames: bytes), on: path)
            guard case .protocolError(let error)? = wire.dialer.closeReason else {
                Issue.record("closed with \(String(describing: wire.dialer.closeReason))")
                continue
            }
            #expect(error.code == .protocolViolation)
        }
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
        #expect(wire.called.readAll().bytes.count == 100_000)
        // What was read is told on the next path, too.
        wire.send()
        wire.cut(PathID(2))
        wire.connect(3)
        wire.settle()
        #expect(wire.dialer.closeReason == .local(code: 0, reason: "") && wire.dialer.isEverythingRead)
    }

    @Test func aClosedSessionWhoseLastAcknowledgementIsLostHasDeliveredEverything() {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(5)) == 5)
        wire.settle()
        #expect(wire.called.read() == .bytes(pattern(5)))
        wire.dialer.session.close(code: 0, reason: "")
        while !wire.called.hasEnded {
            wire.send()
            wire.deliver(path)
        }
        wire.cut(path)
        wire.dialer.session.fail("no path")
        wire.collect()
        #expect(wire.dialer.closeReason == .local(code: 0, reason: "") && wire.dialer.isEverythingRead)
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
