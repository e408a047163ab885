import BodkinCore
import BodkinProtocols
import NIOCore
import NIOEmbedded
import Testing

@testable import BodkinTransport

@Suite("The driver of a Binding transaction")
struct BindingExchangeTests {
    private let mapped = Endpoint(IPAddress(v4: 0xCB00_7109), 50_000)

    @Test("repeats a request over UDP as long as the caller has time", arguments: [(3500, [0, 300, 900, 2100]), (1200, [0, 300, 900]), (200, [0])])
    func repeats(patience: Int, times: [Int]) {
        let loop = EmbeddedEventLoop()
        let exchange = BindingExchange(configuration: .unreliable(within: .milliseconds(Int64(patience))), on: loop)
        var (sent, error, now): ([Int], (any Error)?, Int) = ([], nil, 0)
        exchange.response.assumeIsolated().whenFailure { error = $0 }
        exchange.start { _ in sent.append(now) }
        while now < patience {
            #expect(error == nil)
            now += 1
            loop.advanceTime(by: .milliseconds(1))
        }
        #expect(sent == times)
        guard case .connectTimeout? = error as? ChannelError else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("sends one request over TCP, and gives its response to whoever waits; others count for nothing")
    func response() throws {
        let loop = EmbeddedEventLoop()
        let request = STUNMessage.bindingRequest()
        let exchange = BindingExchange(request, configuration: .reliable(within: .seconds(3)), on: loop)
        var sent: [[UInt8]] = []
        exchange.start { sent.append($0) }
        loop.advanceTime(by: .milliseconds(50))
        exchange.receive(.bindingSuccess(to: .bindingRequest(), mapped: Endpoint(mapped.address, 1))) { _ in }
        exchange.receive(.bindingSuccess(to: request, mapped: mapped)) { $0.source = mapped }
        let response = try exchange.response.wait()
        #expect(sent == [request.bytes] && response.mapped == mapped && response.source == mapped)
        #expect(response.answered - response.asked == .milliseconds(50))
        loop.advanceTime(by: .seconds(10))
    }

    @Test("fails with an error response, and with what has ended the connection")
    func failures() {
        let loop = EmbeddedEventLoop()
        let request = STUNMessage.bindingRequest()
        let refused = BindingExchange(request, configuration: .reliable(within: .seconds(3)), on: loop)
        refused.start { _ in }
        refused.receive(.error(.badRequest, to: request)) { _ in }
        #expect(throws: BindingExchange.Refusal.self) { try refused.response.wait() }
        let closed = BindingExchange(configuration: .reliable(within: .seconds(3)), on: loop)
        closed.fail(ChannelError.eof)
        #expect(throws: ChannelError.self) { try closed.response.wait() }
    }
}
