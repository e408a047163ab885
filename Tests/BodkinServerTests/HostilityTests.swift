import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

@Suite("Half handshakes, garbage and silence", .timeLimit(.minutes(1)))
struct HostilityTests {
    /// The beginning of a TLS ClientHello that never goes on.
    static let halfHello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 1, 2, 3]
    static let nothing: [UInt8] = []
    static let slowloris = Array("GET /health HTTP/1.1\r\nhost: ".utf8)
    static let halfSTUN: [UInt8] = [0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42]

    @Test("a connection that says too little is closed in time", arguments: [nothing, halfHello])
    func half(_ bytes: [UInt8]) async throws {
        try await withServer({ $0.limits.handshakeTimeout = .milliseconds(200) }) { listening in
            let stream = try await TestStream(#require(listening.rendezvous.first))
            stream.send(bytes)
            #expect(await stream.rest().isEmpty)
        }
    }

    @Test("a handshake without a hello is told so and closed")
    func silent() async throws {
        try await withServer({ $0.limits.handshakeTimeout = .seconds(2) }) { listening in
            let peer = try await TestPeer(listening)
            #expect(try await peer.failure().code == .protocol)
            #expect(await peer.next() == nil)
        }
    }

    @Test("a STUN connection without a request, or with half of one, is closed in time", arguments: [nothing, halfSTUN])
    func halfRequest(_ bytes: [UInt8]) async throws {
        try await withServer({ $0.limits.handshakeTimeout = .milliseconds(200) }) { listening in
            let stream = try await TestStream(#require(listening.stun.first))
            stream.send(bytes)
            #expect(await stream.rest().isEmpty)
        }
    }

    @Test("garbage on every TCP port closes that connection, and everybody else is served")
    func garbage() async throws {
        try await withServer({ $0.healthEndpoint = Endpoint("127.0.0.1:0") }) { listening in
            let peer = try await TestPeer.registered(listening)
            for endpoint in listening.rendezvous + listening.stun + [try #require(listening.health)] {
                for size in [1, 7, 100, 20_000] {
                    let stream = try await TestStream(endpoint)
                    stream.send((0..<size).map { _ in UInt8.random(in: 0x80 ... .max) })
                    // One byte may still become something: its turn ends at the client's timeout.
                    if size == 1 { stream.close() }
                    _ = await stream.rest()
                }
            }
            peer.send(peer.dial(peer.id))
            #expect(try await peer.dialFailed().reason == .unavailable)
        }
    }

    @Test("a peer that answers no ping is gone after two intervals, one that answers stays")
    func dead() async throws {
        try await withServer({ $0.limits.pingInterval = .seconds(1) }) { listening in
            let silent = try await TestPeer.registered(listening)
            let lively = try await TestPeer.registered(listening)
            while silent.channel.isActive {
                try await Task.sleep(for: .milliseconds(50))
                lively.send(.ping(WirePing()))
                guard case .pong? = await lively.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
            }
            lively.send(lively.dial(silent.id))
            #expect(try await lively.dialFailed().reason == .unavailable)
        }
    }

    @Test("a peer that probes the server is not pinged, one that says nothing by itself is")
    func pings() async throws {
        try await withServer({ $0.limits.pingInterval = .seconds(3) }) { listening in
            let lively = try await TestPeer.registered(listening)
            let quiet = try await UncheckedBox(TestPeer.registered(listening))
            // It answers pings while it waits for something else.
            async let word = quiet.value.next()
            for _ in 0..<65 {
                try await Task.sleep(for: .milliseconds(100))
                lively.send(.ping(WirePing()))
                guard case .pong? = await lively.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
            }
            try await quiet.value.channel.close().get()
            #expect(await word == nil)
            #expect(lively.answeredPings == 0 && quiet.value.answeredPings > 0)
        }
    }

    @Test("whoever does not answer a Meet is forgotten after three seconds, and the dialer told")
    func unresponsive() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening)
            let start = ContinuousClock.now
            dialer.send(dialer.dial(called.id))
            _ = try await dialer.meet()
            #expect(try await dialer.dialFailed().reason == .unresponsive)
            #expect(ContinuousClock.now - start > .milliseconds(990))
            _ = try await called.meet()
            _ = try await called.failure()
            #expect(await called.next() == nil)
            dialer.send(dialer.dial(called.id))
            #expect(try await dialer.dialFailed().reason == .unavailable)
        }
    }
}
