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
            let promise = stream.channel.eventLoop.makePromise(of: TimeAmount.self)
            stream.channel.measureRoundTrip { promise.succeed($0) }
            let measured = try await promise.futureResult.get()
            let port = try #require(stream.local?.port)
            let said = try await output(of: "ss -tinH src 127.0.0.1:\(port)")
            let shown = said.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("minrtt:") }.flatMap { Double($0.dropFirst(7)) }
            let milliseconds = try #require(shown, "\(said)")
            #expect(measured > .zero)
            #expect(abs(Double(measured.nanoseconds) / 1e6 - milliseconds) < 0.001, "measured \(measured), ss said \(milliseconds) ms")
        }
    }
    #endif
}
