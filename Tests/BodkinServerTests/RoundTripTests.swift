import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@testable import BodkinServer

@Suite("Round trips", .timeLimit(.minutes(1)))
struct RoundTripTests {
    #if os(Linux)
    @Test("what the kernel has measured is what ss shows of the same connection")
    func kernel() async throws {
        try await withServer { listening in
            let endpoint = try #require(listening.stun.first)
            let stream = try await TestStream(endpoint)
            for _ in 0..<3 {
                stream.send(STUNMessage.bindingRequest().bytes)
                _ = await stream.next()
            }
            let port = try #require(stream.local?.port)
            // The least of all round trips can only fall, and an acknowledgement may still be under way: ss looks between two looks of ours.
            let before = try await stream.leastRoundTrip()
            let said = try await output(of: "ss -tinH src 127.0.0.1:\(port)")
            let after = try await stream.leastRoundTrip()
            let shown = said.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("minrtt:") }.flatMap { Double($0.dropFirst(7)) }
            let milliseconds = try #require(shown, "\(said)")
            #expect(after > 0)
            #expect((after - 0.001...before + 0.001).contains(milliseconds), "measured \(before), then \(after) ms; ss said \(milliseconds)")
        }
    }
    #endif
}

extension TestStream {
    /// In milliseconds, by the kernel.
    fileprivate func leastRoundTrip() async throws -> Double {
        let promise = channel.eventLoop.makePromise(of: TimeAmount.self)
        channel.measureRoundTrip { promise.succeed($0) }
        return try await Double(promise.futureResult.get().nanoseconds) / 1e6
    }
}
