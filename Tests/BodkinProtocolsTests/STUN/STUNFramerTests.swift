import BodkinProtocols
import NIOCore
import Testing

@Suite("STUN over a stream")
struct STUNFramerTests {
    private let messages = [RFC5769.request, RFC5769.ipv4Response, RFC5769.longTermRequest]

    @Test("messages come out whole, however the stream is cut", arguments: [1, 3, 19, 20, 21, 64, 1000])
    func cut(size: Int) throws {
        var framer = STUNFramer()
        var stream = ByteBuffer(bytes: messages.flatMap(\.self))
        var read: [[UInt8]] = []
        while stream.readableBytes > 0 {
            var piece = stream.readSlice(length: min(size, stream.readableBytes)) ?? ByteBuffer()
            while let message = try framer.next(from: &piece) { read.append(message.bytes) }
            #expect(piece.readableBytes == 0)
        }
        #expect(read == messages)
        #expect(framer.pendingCount == 0)
    }

    @Test("an unfinished message is held, and nothing behind a finished one is taken")
    func held() throws {
        var framer = STUNFramer()
        var buffer = ByteBuffer(bytes: RFC5769.request + [0, 1])
        #expect(try framer.next(from: &buffer) != nil)
        #expect(buffer.readableBytes == 2 && framer.pendingCount == 0)
        #expect(try framer.next(from: &buffer) == nil)
        #expect(framer.pendingCount == 2)
    }

    @Test(
        "another protocol is refused at its first wrong byte, and for good",
        arguments: [("474554", 1), ("16030102", 4), ("800000", 1), ("0001 0002", 4), ("0001 1000", 4), ("0001 0000 21", nil), ("0001 0000 22", 5)]
            as [(String, Int?)])
    func refused(text: String, at position: Int?) throws {
        var framer = STUNFramer()
        var refusedAt: Int?
        for (index, byte) in hex(text).enumerated() {
            var buffer = ByteBuffer(bytes: [byte])
            do { #expect(try framer.next(from: &buffer) == nil) } catch {
                refusedAt = index + 1
                break
            }
        }
        #expect(refusedAt == position)
        guard position != nil else { return }
        var good = ByteBuffer(bytes: RFC5769.request)
        #expect(throws: STUNError.self) { try framer.next(from: &good) }
        #expect(framer.pendingCount == 0)
    }

    @Test("a message that does not hold together ends the stream")
    func malformed() {
        var framer = STUNFramer()
        var bytes = RFC5769.request
        bytes[30] ^= 1
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: STUNError.self) { try framer.next(from: &buffer) }
    }
}
