import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix
import Testing

/// Our side of STUN against a server that others wrote.
@Suite("STUN with coturn", .enabled(if: Coturn.isInstalled, "coturn's turnserver is not installed: make test installs it"), .timeLimit(.minutes(1)))
struct CoturnTests {
    /// What an answer of coturn must say.
    private func check(_ outcome: BindingTransaction.Outcome, local: Endpoint?, from origin: Endpoint?, other: Endpoint?) throws {
        guard case .mapped(let mapped, let message) = outcome else {
            Issue.record("no address came back: \(outcome)")
            return
        }
        #expect(mapped == local)
        #expect(try message.attribute(STUNMessage.ResponseOrigin.self)?.endpoint == origin)
        #expect(try message.attribute(STUNMessage.OtherAddress.self)?.endpoint == other)
        #expect(try message.attribute(STUNMessage.Software.self)?.text.hasPrefix("Coturn-") == true)
    }

    @Test("a Binding transaction over UDP: mapped address, RESPONSE-ORIGIN, OTHER-ADDRESS and SOFTWARE of all four endpoints")
    func udp() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            for endpoint in coturn.endpoints {
                let result = try await BindingClient.ask(endpoint)
                try check(result.outcome, local: result.local, from: endpoint, other: coturn.other(than: endpoint))
            }
        }
    }

    @Test("CHANGE-REQUEST has the answer come from the other address and port")
    func change() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            let request = try STUNMessage.bindingRequest(attributes: [STUNMessage.ChangeRequest(address: true, port: true)])
            let result = try await BindingClient.ask(coturn.endpoints[0], request)
            let other = coturn.other(than: coturn.endpoints[0])
            try check(result.outcome, local: result.local, from: other, other: other)
        }
    }

    @Test("a request that nobody hears is repeated until the server is there")
    func repetition() async throws {
        let coturn = Coturn()
        // Nothing is waited for: the first request has gone long before coturn, or even its shell, has started.
        let result = try await coturn.run {
            try await BindingClient.ask(coturn.endpoints[0], .bindingRequest(), .unreliable(initialRTO: .milliseconds(5), requestCount: 13))
        }
        #expect(result.requests > 1)
        try check(result.outcome, local: result.local, from: coturn.endpoints[0], other: coturn.other(than: coturn.endpoints[0]))
    }

    @Test("over TCP: two requests in one write, two answers out of the stream")
    func tcp() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            for endpoint in coturn.endpoints {
                let stream = try await TestStream(endpoint)
                let requests = [STUNMessage.bindingRequest(), .bindingRequest()]
                stream.send(requests.flatMap(\.bytes))
                var bytes = ByteBuffer()
                var framer = STUNFramer()
                for request in requests {
                    var transaction = BindingTransaction(request, configuration: .reliable)
                    _ = transaction.poll(at: .zero)
                    var answer = try framer.next(from: &bytes)
                    while answer == nil {
                        bytes = ByteBuffer(bytes: try #require(await stream.next()))
                        answer = try framer.next(from: &bytes)
                    }
                    let outcome = try transaction.receive(#require(answer))
                    try check(#require(outcome), local: stream.local, from: endpoint, other: coturn.other(than: endpoint))
                }
                stream.close()
            }
        }
    }

    @Test("an answer without the proof that was asked for is not believed")
    func unproved() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            let stream = try await TestStream(coturn.endpoints[0])
            let key = Array(repeating: UInt8(7), count: 20)
            let request = try STUNMessage.bindingRequest(credential: STUNCredential(username: "somebody", key: key))
            var transaction = BindingTransaction(request, key: key, configuration: .reliable)
            _ = transaction.poll(at: .zero)
            stream.send(request.bytes)
            var bytes = ByteBuffer(bytes: try #require(await stream.next()))
            var framer = STUNFramer()
            let answer = try #require(try framer.next(from: &bytes))
            let outcome = transaction.receive(answer)
            #expect(outcome == .integrityViolated(answer))
            stream.close()
        }
    }

    @Test("a peer's NAT-binding connection learns what coturn sees of the reserved port")
    func warm() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let gate = Gate(before: KernelSystem(), servers: coturn.endpoints.map(\.address), on: loop)
            let port = try await loop.flatSubmit { ReservedPort.open(0, through: gate, on: loop) { _ in } }.get()
            let observed = loop.makePromise(of: Endpoint.self)
            let server = coturn.endpoints[0]
            let warm = try await loop.submit {
                let warm = STUNBinding(port.value, to: server, interface: nil, on: loop, keepalive: { _ in .seconds(25) }) { event in
                    switch event {
                    case .connected: break
                    case .observed(let endpoint): observed.succeed(endpoint)
                    case .survived: break
                    case .lost: observed.fail(ChannelError.eof)
                    }
                }
                return NIOLoopBound(warm, eventLoop: loop)
            }.get()
            let endpoint = try await observed.futureResult.get()
            let number = try await loop.submit {
                warm.value.close()
                port.value.close()
                return port.value.number
            }.get()
            #expect(endpoint == Endpoint(server.address, number))
        }
    }

    @Test("the check of the network asks all four endpoints, over UDP and TCP, and finds no NAT")
    func probe() async throws {
        let coturn = Coturn()
        try await coturn.run {
            try await coturn.listens()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            // The second address is what OTHER-ADDRESS names.
            let known = Array(coturn.endpoints.prefix(2))
            let gate = Gate(before: KernelSystem(), servers: coturn.endpoints.map(\.address), on: loop)
            for profile in [
                await STUNProbe.udp(.v4, servers: known, through: gate, on: loop), await STUNProbe.tcp(.v4, servers: known, through: gate, on: loop),
            ] {
                #expect(profile.samples.map(\.server) == coturn.endpoints)
                #expect(profile.samples.map(\.mapped) == Array(repeating: profile.local, count: 4))
                #expect(profile.kind == .none)
            }
        }
    }
}
