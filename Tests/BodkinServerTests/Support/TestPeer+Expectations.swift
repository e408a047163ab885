import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import Testing

/// What a test expects to come next; anything else fails it with what came instead.
extension TestPeer {
    struct Unexpected: Error, CustomStringConvertible {
        let wanted: String
        let got: WireEnvelope.OneOf_Body?
        var description: String { "wanted \(wanted), got \(got.map { "\($0)" } ?? "the end of the connection")" }
    }

    private func expect<Body>(_ wanted: String, _ pick: (WireEnvelope.OneOf_Body) -> Body?) async throws -> Body {
        let body = await next()
        guard let body, let picked = pick(body) else { throw Unexpected(wanted: wanted, got: body) }
        return picked
    }

    func welcome() async throws -> WireWelcome { try await expect("a welcome") { if case .welcome(let body) = $0 { body } else { nil } } }
    func registered() async throws -> WireRegistered { try await expect("registered") { if case .registered(let body) = $0 { body } else { nil } } }
    func meet() async throws -> WireMeet { try await expect("a meet") { if case .meet(let body) = $0 { body } else { nil } } }
    func failure() async throws -> WireFailure { try await expect("a failure") { if case .failure(let body) = $0 { body } else { nil } } }
    func dialFailed() async throws -> WireDialFailed {
        try await expect("a failed dial") { if case .dialFailed(let body) = $0 { body } else { nil } }
    }
    func signal() async throws -> WireSignal { try await expect("a signal") { if case .signal(let body) = $0 { body } else { nil } } }
    func data() async throws -> WireCircuitData { try await expect("data") { if case .circuitData(let body) = $0 { body } else { nil } } }
    func credit() async throws -> WireCircuitCredit { try await expect("credit") { if case .circuitCredit(let body) = $0 { body } else { nil } } }
    func circuitClosed() async throws -> WireCircuitClose {
        try await expect("the end of a circuit") { if case .circuitClose(let body) = $0 { body } else { nil } }
    }

    /// A peer that is connected and registered.
    static func registered(
        _ listening: RendezvousServer.Listening, admission: WirePolicy.Admission = .anyone, peers: [PeerID] = []
    ) async throws -> TestPeer {
        let peer = try await TestPeer(listening)
        peer.send(peer.hello(), try peer.register(admission: admission, peers: peers))
        _ = try await peer.welcome()
        _ = try await peer.registered()
        return peer
    }

    /// Two peers with an accepted attempt between them.
    static func met(_ listening: RendezvousServer.Listening) async throws -> (dialer: TestPeer, called: TestPeer, attempt: AttemptID) {
        let called = try await registered(listening)
        let dialer = try await registered(listening, admission: .nobody)
        let attempt = AttemptID.random()
        dialer.send(dialer.dial(called.id, attempt))
        _ = try await called.meet()
        called.send(called.answer(attempt))
        _ = try await dialer.meet()
        return (dialer, called, attempt)
    }
}
