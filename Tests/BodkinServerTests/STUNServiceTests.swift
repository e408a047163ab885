import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

@Suite("STUN of a server", .timeLimit(.minutes(1)))
struct STUNServiceTests {
    @Test("over TCP, on both ports, one answer for each request")
    func tcp() async throws {
        try await withServer { listening in
            #expect(listening.stun.count == 2)
            for endpoint in listening.stun {
                let stream = try await TestStream(endpoint)
                let requests = (0..<3).map { _ in STUNMessage.bindingRequest() }
                stream.send(requests.flatMap(\.bytes))
                var bytes = ByteBuffer()
                var framer = STUNFramer()
                var answers: [STUNMessage] = []
                while answers.count < 3 {
                    if let answer = try framer.next(from: &bytes) {
                        answers.append(answer)
                    } else {
                        bytes = ByteBuffer(bytes: try #require(await stream.next()))
                    }
                }
                #expect(answers.map(\.transactionID) == requests.map(\.transactionID))
                #expect(try answers[0].attribute(STUNMessage.XORMappedAddress.self)?.endpoint == stream.local)
                stream.close()
            }
        }
    }

    @Test("a credential that nobody registers is refused after its time, and vouches for nothing")
    func stranger() async throws {
        try await withServer { listening in
            let peer = try await TestPeer.registered(listening)
            let stream = try await TestStream(#require(listening.stun.first))
            stream.send(try STUNMessage.bindingRequest(peer, await stream.nonce(), key: Array(repeating: 9, count: 20)).bytes)
            // A later request has the earlier one answered.
            stream.send(STUNMessage.bindingRequest().bytes)
            var bytes = ByteBuffer()
            var framer = STUNFramer()
            var classes: [STUNMessage.Class] = []
            while classes.count < 2 {
                if let answer = try framer.next(from: &bytes) {
                    classes.append(answer.class)
                } else {
                    bytes = ByteBuffer(bytes: try #require(await stream.next()))
                }
            }
            #expect(classes == [.error, .success])
            let dialer = try await TestPeer.registered(listening)
            dialer.send(dialer.dial(peer.id))
            #expect(try await peer.meet().ownObserved.isEmpty)
        }
    }

    @Test("what is observed ends with the connection, whatever the port was")
    func ends() async throws {
        try await withServer { listening in
            let peer = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening)
            let stream = try await TestStream(#require(listening.stun.last))
            _ = try await stream.prove(peer)
            func observed() async throws -> [Endpoint] {
                let attempt = AttemptID.random()
                dialer.send(dialer.dial(peer.id, attempt, early: ""))
                _ = try await peer.meet()
                peer.send(peer.answer(attempt))
                return try await dialer.meet().observed.compactMap { $0.endpoint() }
            }
            #expect(try await observed() == [stream.local])
            try await stream.channel.close().get()
            // The server learns of it in its own time.
            var tries = 0
            while try await !observed().isEmpty {
                tries += 1
                try #require(tries < 500)
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("coturn's client sees itself over UDP, on both ports")
    func coturn() async throws {
        try await withServer { listening in
            for endpoint in listening.stun {
                let said = try await output(of: "turnutils_stunclient -p \(endpoint.port) 127.0.0.1")
                #expect(said.contains("UDP reflexive addr: 127.0.0.1:"), "\(said)")
            }
        }
    }

    @Test("coturn's client sees the TCP connection that carries it, on both ports")
    func coturnOverTCP() async throws {
        try await withServer { listening in
            for endpoint in listening.stun {
                let bridge = try await StreamBridge(to: endpoint)
                let said = try await output(of: "turnutils_stunclient -p \(bridge.port) 127.0.0.1")
                let local = try #require(bridge.local)
                #expect(said.contains("UDP reflexive addr: \(local)"), "\(said)")
                bridge.close()
            }
        }
    }

    @Test("coturn's NAT discovery has all four endpoints answer: no NAT, no filter, on loopback")
    func discovery() async throws {
        try await withServer({ $0.secondAddress = IPAddress(v4: 0x7F00_0002) }) { listening in
            let port = try #require(listening.stun.first?.port)
            let said = try await output(of: "turnutils_natdiscovery -m -f -p \(port) 127.0.0.1")
            #expect(said.contains("Endpoint Independent Mapping"), "\(said)")
            #expect(said.contains("Endpoint Independent Filtering"), "\(said)")
        }
    }
}
