import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionStreamTests {
    private func confirmed(_ dialer: Session.Configuration = .init(), _ called: Session.Configuration = .init()) -> (SessionWire, PathID) {
        let wire = SessionWire(dialer: dialer, called: called)
        let path = wire.connect(1)
        wire.settle()
        return (wire, path)
    }

    @Test func beforeTheAnswer64KiBMayBeSentOnStream0Only() {
        let wire = SessionWire()
        let path = wire.connect(1)
        #expect(wire.dialer.write(pattern(100_000)) == 100_000)
        #expect(wire.dialer.open() == nil)
        while wire.dialer.output(path) != nil {}
        #expect(wire.dialer.unsent == 100_000 - 65_536)
    }

    @Test func streamsAreNumberedAndLimited() throws {
        var configuration = Session.Configuration()
        configuration.remoteStreams = 2
        let (wire, _) = confirmed(.init(), configuration)
        let (four, eight) = (try #require(wire.dialer.open()), try #require(wire.dialer.open()))
        #expect([four, eight].map(\.rawValue) == [4, 8] && wire.dialer.open() == nil)
        #expect(wire.called.open()?.rawValue == 1 && wire.called.open()?.rawValue == 5)
        // The second opens the first too.
        wire.dialer.session.finish(eight)
        wire.settle()
        #expect(wire.called.events.suffix(3) == [.opened(four), .opened(eight), .readable(eight)])
        #expect(wire.called.read(eight) == .end)
        wire.called.session.finish(eight)
        wire.settle()
        #expect(wire.dialer.read(eight) == .end)
        wire.settle()
        #expect(wire.dialer.events.contains(.streamsAvailable) && wire.dialer.open()?.rawValue == 12)
    }

    @Test func halfACloseLeavesTheOtherHalf() throws {
        let (wire, _) = confirmed()
        let stream = try #require(wire.dialer.open())
        #expect(wire.dialer.write(pattern(10), to: stream) == 10)
        wire.dialer.session.finish(stream)
        #expect(wire.dialer.write(pattern(10), to: stream) == 0)
        wire.settle()
        #expect(wire.called.readAll(stream).last == .end)
        #expect(wire.called.write(pattern(20_000), to: stream) == 20_000)
        wire.settle()
        #expect(wire.dialer.readAll(stream).bytes.count == 20_000)
    }

    @Test func aResetDropsWhatWasNotSentAndNotRead() throws {
        let (wire, _) = confirmed()
        let stream = try #require(wire.dialer.open())
        #expect(wire.dialer.write(pattern(10), to: stream) == 10)
        wire.settle()
        #expect(wire.dialer.write(pattern(100), to: stream) == 100)
        wire.dialer.session.reset(stream, code: 42)
        #expect(wire.dialer.unsent == 0)
        wire.settle()
        #expect(wire.called.read(stream) == .reset(code: 42))
        #expect(wire.called.unread == 0)
    }

    @Test func stopSendingMakesTheFarSideReset() throws {
        let (wire, _) = confirmed()
        let stream = try #require(wire.dialer.open())
        #expect(wire.dialer.write(pattern(1_000), to: stream) == 1_000)
        wire.settle()
        wire.called.session.stopSending(stream, code: 6)
        #expect(wire.called.unread == 0)
        wire.settle()
        #expect(wire.dialer.events.contains(.stopped(stream, code: 6)))
        #expect(wire.dialer.write(pattern(1), to: stream) == 0)
        wire.called.session.finish(stream)
        wire.settle()
        #expect(wire.dialer.read(stream) == .end)
        wire.settle()
        #expect(!wire.called.isAlive(stream) && !wire.dialer.isAlive(stream))
    }

    @Test func aWindowHoldsBackUntilTheReaderHasReadHalf() {
        var small = Session.Configuration()
        small.streamWindow = 65_536
        let (wire, _) = confirmed(.init(), small)
        #expect(wire.dialer.write(pattern(200_000)) == 200_000)
        wire.settle()
        #expect(wire.called.unread == 65_536 && wire.dialer.unsent == 200_000 - 65_536)
        _ = wire.called.read(limit: 10_000)
        wire.settle()
        #expect(wire.dialer.unsent == 200_000 - 65_536)
        for _ in 0..<3 { _ = wire.called.read(limit: 16_000) }
        wire.settle()
        #expect(wire.dialer.unsent < 200_000 - 65_536)
    }

    @Test func aFullSendBufferHoldsBackWritersButNotWhatWouldEmptyIt() throws {
        var small = Session.Configuration()
        small.unacknowledgedBytes = 65_536
        let (wire, path) = confirmed(small, small)
        #expect(wire.dialer.write(pattern(300_000)) == 262_144)
        while wire.dialer.output(path) != nil {}
        #expect(wire.dialer.unacknowledged <= 65_536 && wire.dialer.unsent > 190_000)
        let stream = try #require(wire.dialer.open())
        wire.dialer.session.reset(stream, code: 1)
        let frames = try wire.dialer.frames(path)
        #expect(frames.count == 1, "RESET_STREAM goes out although no data may")
        #expect(!wire.dialer.events.contains(.writable(.initial)))
    }

    @Test func aFarSideThatAcknowledgesNothingCostsABoundedMemory() throws {
        var generous = Session.Configuration()
        generous.streamWindow = 1 << 30
        generous.connectionWindow = 1 << 30
        let (wire, path) = confirmed(Session.Configuration(), generous)
        for _ in 0..<1_000 {
            while wire.dialer.write(pattern(65_536)) > 0 {}
            while wire.dialer.output(path) != nil {}
        }
        #expect(wire.dialer.unacknowledged > 16_000_000 && wire.dialer.unacknowledged <= 16 << 20)
        #expect(wire.dialer.unsent < 320 << 10, "256 KiB, and a piece that is taken whole")
    }

    @Test func aWriterThatWaitedHearsOfRoom() {
        let (wire, _) = confirmed()
        #expect(wire.dialer.write(pattern(300_000)) == 262_144)
        wire.settle()
        #expect(wire.dialer.events.count { $0 == .writable(.initial) } == 1)
        #expect(wire.dialer.write(pattern(37_856, from: 262_144)) == 37_856)
        wire.settle()
        #expect(wire.called.readAll().bytes == Array(pattern(300_000).readableBytesView))
    }

    @Test func streamsTakeTurns() throws {
        let (wire, path) = confirmed()
        let streams = [StreamID.initial, try #require(wire.dialer.open()), try #require(wire.dialer.open())]
        for stream in streams { #expect(wire.dialer.write(pattern(150_000), to: stream) == 150_000) }
        var order: [UInt64] = []
        for case .record(_, var frames) in try wire.dialer.frames(path) {
            while frames.readableBytes > 0 {
                if case .stream(let id, _, _) = try SessionFrame(from: &frames), order.last != id.rawValue { order.append(id.rawValue) }
            }
        }
        #expect(order == [0, 4, 8, 0, 4, 8, 0, 4, 8], "64 KiB each, in turn")
    }

    @Test func smallWritesShareARecordAndNoRecordIsTooLong() throws {
        let (wire, path) = confirmed()
        for start in 0..<1_000 { #expect(wire.dialer.write(pattern(50, from: start * 50)) == 50) }
        let frames = try wire.dialer.frames(path)
        #expect(frames.count == 4, "50 000 bytes in records of 16 000")
        wire.dialer.session.fail("enough")
    }

    @Test(
        arguments: [
            (
                [
                    .stream(StreamID(rawValue: 4), ByteBuffer(repeating: 0, count: 15_000), isLast: true),
                    .stream(StreamID(rawValue: 4), ByteBuffer(), isLast: true),
                ], .finalSize
            ),
            ([.stream(StreamID(rawValue: 4), pattern(5), isLast: false), .resetStream(StreamID(rawValue: 4), code: 0, finalSize: 6)], .finalSize),
            ([.stream(StreamID(rawValue: 2), pattern(5), isLast: false)], .streamState), ([.maxStreamData(StreamID(rawValue: 1), 5)], .streamState),
            ([.stream(StreamID(rawValue: 4 * 1025), pattern(5), isLast: false)], .streamLimit), ([], .protocolViolation),
        ] as [([SessionFrame], SessionError.Code)])
    func whatBreaksTheRulesEndsTheSession(frames: [SessionFrame], code: SessionError.Code) throws {
        let (wire, path) = confirmed()
        var bytes = ByteBuffer()
        for frame in frames { frame.write(to: &bytes) }
        wire.called.receive(.record(number: 0, frames: bytes), on: path)
        let reason = try #require(wire.called.closeReason)
        guard case .protocolError(let error) = reason else {
            Issue.record("closed with \(reason)")
            return
        }
        #expect(error.code == code)
        wire.settle()
        let wireCode = try #require(code.wireCode)
        let told = try #require(wire.dialer.closeReason)
        #expect(told == .remoteProtocolError(code: wireCode, reason: error.message))
    }

    @Test func moreThanTheWindowEndsTheSession() throws {
        let (wire, path) = confirmed()
        var bytes = ByteBuffer()
        SessionFrame.stream(.initial, ByteBuffer(repeating: 0, count: 15_900), isLast: false).write(to: &bytes)
        for number in 0..<70 as Range<UInt64> where wire.called.closeReason == nil {
            wire.called.receive(.record(number: number, frames: bytes), on: path)
        }
        guard case .protocolError(let error) = try #require(wire.called.closeReason) else { return }
        #expect(error.code == .flowControl && wire.called.unread <= 1 << 20)
    }
}
