import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionFrameTests {
    /// RFC 9000 appendix A.1.
    @Test(
        arguments: [
            ([0xC2, 0x19, 0x7C, 0x5E, 0xFF, 0x14, 0xE8, 0x8C], 151_288_809_941_952_652), ([0x9D, 0x7F, 0x3E, 0x7D], 494_878_333),
            ([0x7B, 0xBD], 15_293), ([0x25], 37),
        ] as [([UInt8], UInt64)])
    func integersAreThoseOfTheRFC(bytes: [UInt8], value: UInt64) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(buffer.readQUICInteger() == value)
        buffer.writeQUICInteger(value)
        #expect(Array(buffer.readableBytesView) == bytes)
        for count in 0..<bytes.count {
            var short = ByteBuffer(bytes: bytes.prefix(count))
            #expect(short.readQUICInteger() == nil && short.readableBytes == count)
        }
    }

    @Test(arguments: [
        SessionFrame.close(code: 1, reason: hostile), .closing(code: 1, reason: hostile), .transportClose(code: 1, frameType: 0, reason: hostile),
    ])
    func aReasonIsShortAndControlsNoTerminal(frame: SessionFrame) throws {
        var buffer = ByteBuffer()
        frame.write(to: &buffer)
        let reason: String? =
            switch try SessionFrame(from: &buffer) {
            case .close(_, let reason), .closing(_, let reason), .transportClose(_, _, let reason): reason
            default: nil
            }
        #expect(reason?.hasPrefix("\u{FFFD}[2J\u{FFFD}listening as x") == true)
        #expect(try #require(reason).utf8.count <= 1_024 && buffer.readableBytes == 0)
    }

    private static let hostile = "\u{1B}[2J\nlistening as " + String(repeating: "x", count: 5_000)

    @Test func anIntegerMayBeLongerThanItNeeds() {
        var buffer = ByteBuffer(bytes: [0x40, 0x25])
        #expect(buffer.readQUICInteger() == 37)
    }

    @Test(
        arguments: [
            (.padding, [0x00]), (.ping, [0x01]), (.resetStream(StreamID(rawValue: 4), code: 7, finalSize: 100), [0x04, 4, 7, 0x40, 100]),
            (.stopSending(StreamID(rawValue: 1), code: 2), [0x05, 1, 2]),
            (.stream(.initial, ByteBuffer(bytes: [9, 8]), isLast: false), [0x0A, 0, 2, 9, 8]),
            (.stream(StreamID(rawValue: 5), ByteBuffer(), isLast: true), [0x0B, 5, 0]), (.maxData(16_384), [0x10, 0x80, 0, 0x40, 0]),
            (.maxStreamData(StreamID(rawValue: 8), 3), [0x11, 8, 3]), (.maxStreams(2), [0x12, 2]), (.dataBlocked(1), [0x14, 1]),
            (.streamDataBlocked(.initial, 1), [0x15, 0, 1]), (.streamsBlocked(1), [0x16, 1]),
            (.streamRead(StreamID(rawValue: 4), count: 100, isEnd: false), [0x20, 4, 0x40, 100]),
            (.streamRead(.initial, count: 3, isEnd: true), [0x21, 0, 3]),
            (.closing(code: 5, reason: "ok"), [0x22, 5, 2, 0x6F, 0x6B]),
            (.transportClose(code: 3, frameType: 0, reason: "x"), [0x1C, 3, 0, 1, 0x78]), (.close(code: 5, reason: "ok"), [0x1D, 5, 2, 0x6F, 0x6B]),
        ] as [(SessionFrame, [UInt8])])
    func everyFrameHasItsBytes(frame: SessionFrame, bytes: [UInt8]) throws {
        var buffer = ByteBuffer()
        frame.write(to: &buffer)
        #expect(Array(buffer.readableBytesView) == bytes)
        #expect(try SessionFrame(from: &buffer) == frame)
        for count in 0..<bytes.count {
            #expect(throws: SessionError.self) {
                var short = ByteBuffer(bytes: bytes.prefix(count))
                _ = try SessionFrame(from: &short)
            }
        }
    }

    @Test(arguments: [1, 2, 1_000, 16_000]) func paddingIsReadInRuns(count: Int) throws {
        var buffer = ByteBuffer(repeating: 0, count: count)
        buffer.writeBytes([0x01] + [UInt8](repeating: 0, count: count))
        #expect(try SessionFrame(from: &buffer) == .padding)
        #expect(try SessionFrame(from: &buffer) == .ping)
        #expect(try SessionFrame(from: &buffer) == .padding)
        #expect(buffer.readableBytes == 0)
    }

    @Test func aSTREAMWithoutLengthReachesToTheEnd() throws {
        var buffer = ByteBuffer(bytes: [0x09, 4, 1, 2, 3])
        #expect(try SessionFrame(from: &buffer) == .stream(StreamID(rawValue: 4), ByteBuffer(bytes: [1, 2, 3]), isLast: true))
    }

    @Test(arguments: [[0x0C, 0, 0], [0x13, 1], [0x1E], [0x02, 0], [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]])
    func whatHasNoPlaceInARecordIsRefused(bytes: [UInt8]) {
        let error = #expect(throws: SessionError.self) {
            var buffer = ByteBuffer(bytes: bytes)
            _ = try SessionFrame(from: &buffer)
        }
        #expect(error?.code == .frameEncoding)
    }

    @Test func anOPENHasItsBytes() throws {
        let ids = try #require(
            SessionID(bytes: [UInt8](repeating: 0xA1, count: 16)).flatMap { session in
                InstanceID(bytes: [UInt8](repeating: 0xB2, count: 16)).flatMap { near in
                    InstanceID(bytes: [UInt8](repeating: 0xC3, count: 16)).map { (session, near, $0) }
                }
            })
        let opening = PathOpening(
            session: ids.0, sender: ids.1, receiver: ids.2, mode: .attach, kind: .tcp, generation: 2, nextExpected: 70,
            limits: InitialLimits(data: 4 << 20, streamData: 1 << 20, streams: 1024))
        var buffer = ByteBuffer()
        PathFrame.open(opening).write(to: &buffer)
        let expected: [UInt8] =
            [0x00, 64, 2] + [UInt8](repeating: 0xA1, count: 16) + [UInt8](repeating: 0xB2, count: 16) + [UInt8](repeating: 0xC3, count: 16)
            + [1, 1, 2, 0x40, 70, 0x80, 0x40, 0, 0, 0x80, 0x10, 0, 0, 0x44, 0]
        #expect(Array(buffer.readableBytesView) == [0x00, 0x40, 64] + expected.dropFirst(2))
        #expect(try Session.peekOpen(buffer) == opening)
        #expect(PathOpening.Mode.start.rawValue == 0 && PathOpening.Mode.offer.rawValue == 2)
        for count in 0..<buffer.readableBytes {
            #expect(try Session.peekOpen(buffer.getSlice(at: 0, length: count) ?? ByteBuffer()) == nil)
        }
    }

    @Test(
        arguments: [
            (.choose(generation: 3, nextExpected: 5), [0x01, 2, 3, 5]), (.chosen(generation: 3, nextExpected: 5), [0x02, 2, 3, 5]),
            (.acknowledge(nextExpected: 64), [0x03, 2, 0x40, 64]), (.record(number: 1, frames: ByteBuffer(bytes: [1])), [0x04, 2, 1, 1]),
            (.close(.unknownSession), [0x05, 1, 3]), (.probe(65), [0x06, 2, 0x40, 65]), (.probeAnswer(2), [0x07, 1, 2]),
        ] as [(PathFrame, [UInt8])])
    func everyPathFrameHasItsBytes(frame: PathFrame, bytes: [UInt8]) throws {
        var buffer = ByteBuffer()
        frame.write(to: &buffer)
        #expect(Array(buffer.readableBytesView) == bytes)
        let read = try #require(try PathReader.frame(&buffer))
        #expect(try PathFrame(type: read.type, payload: read.payload) == frame)
    }

    @Test func unknownPathFramesAreRefusedBelow64AndIgnoredAbove() throws {
        #expect(try PathFrame(type: 64, payload: ByteBuffer(bytes: [1, 2])) == .unknown)
        let error = #expect(throws: SessionError.self) { _ = try PathFrame(type: 63, payload: ByteBuffer()) }
        #expect(error?.code == .unknownPathFrame)
    }

    @Test(
        arguments: [
            ([0x04, 1, 2], SessionError.Code.unexpectedPathFrame), ([0x05, 1, 3], .closedByPeer(.unknownSession)),
            ([0x00, 1, 1], .unsupportedVersion),
        ]
            as [([UInt8], SessionError.Code)])
    func aPathThatBeginsOtherwiseIsRefused(bytes: [UInt8], code: SessionError.Code) {
        let error = #expect(throws: SessionError.self) { _ = try Session.peekOpen(ByteBuffer(bytes: bytes)) }
        #expect(error?.code == code)
    }
}
