import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinServer
import BodkinTransport
import Testing

/// A network in which everything but a proxy is blocked, and names of the outside are unknown.
@Suite(
    "A proxied network", .timeLimit(.minutes(5)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct ProxyTests {
    /// What the proxy asks for, and what it is given.
    enum Login: CaseIterable {
        case none, right, wrong, missing
    }

    @Test(
        "is left by each proxy, without a login and with the right one; a wrong or missing one is said", arguments: LabProxy.Program.allCases,
        Login.allCases)
    func login(_ program: LabProxy.Program, _ login: Login) async throws {
        let proxy = LabProxy(program: program, asksForCredentials: login != .none)
        try await Self.run(proxy) { place, url in
            var wrong = LabProxy.credentials
            wrong.password += "?"
            let given: ProxyURL? = try proxy.url(
                in: place.lab, login == .right ? LabProxy.credentials : login == .wrong ? wrong : nil)
            switch login {
            case .none, .right: try await Self.exchange(in: place, url, given)
            case .wrong, .missing:
                await #expect {
                    try await place.withPeer(in: "a", { ($0.rendezvous, $0.proxy) = (url, given) }) { try await $0.registered() }
                } throws: { error in
                    let error = error as? TransportError
                    let words = login == .wrong ? "does not accept the user name" : "requires a user name"
                    return error?.code == .proxyCredentials && error?.message.contains(words) == true && error?.message.contains("s3") == false
                }
            }
        }
    }

    @Test("two peers connect from it whatever is in front of the far one", arguments: NATPreset.allCases.filter { $0 != .only443 })
    func presets(_ far: NATPreset) async throws {
        let proxy = LabProxy(program: .tinyproxy)
        try await Self.run(proxy, far: far) { place, url in try await Self.exchange(in: place, url, proxy.url(in: place.lab, nil)) }
    }

    @Test("a port that the proxy does not allow is said, with what to do, and waited for", arguments: [LabProxy.Program.tinyproxy, .squid])
    func forbidden(_ program: LabProxy.Program) async throws {
        let proxy = LabProxy(program: program)
        try await Self.run(proxy) { place, url in
            var other = url
            other.hosts[0].port = 4434
            let (reasons, continuation) = AsyncStream.makeStream(of: String.self)
            let given = try proxy.url(in: place.lab, nil)
            try await place.withPeer(
                in: "a",
                { [other] in
                    ($0.rendezvous, $0.proxy) = (other, given)
                    $0.onEvent = { if case .awaitingServer(let reason) = $0.kind { continuation.yield(reason) } }
                }
            ) { _ in
                let reason = await reasons.first { _ in true }
                #expect(reason?.contains("does not allow connections to \(LabProxy.serverName):4434") == true, "\(reason ?? "nothing")")
            }
        }
    }

    /// One connection from `a`, through the proxy, to `b`, which outlives a restart of the server.
    private static func exchange(in place: PeerLab, _ url: RendezvousURL, _ proxy: ProxyURL?) async throws {
        try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
            let echo = Task {
                for try await connection in far.incoming {
                    while let bytes = try await connection.read() { try await connection.write(bytes) }
                }
            }
            defer { echo.cancel() }
            try await far.registered()
            try await place.withPeer(in: "a", { ($0.rendezvous, $0.proxy) = (url, proxy) }) { near in
                let connection = try await near.connect(to: far.id)
                try await connection.write("before".utf8)
                #expect(try await connection.read().map { String(decoding: $0, as: UTF8.self) } == "before")
                try await place.restartServer()
                try await connection.write("afterwards".utf8)
                #expect(try await connection.read().map { String(decoding: $0, as: UTF8.self) } == "afterwards")
            }
        }
    }

    private static func run(
        _ proxy: LabProxy, far: NATPreset = .portRestricted, _ body: @Sendable @escaping (PeerLab, RendezvousURL) async throws -> Void
    ) async throws {
        try await withPeerLab(LabProxy.topology(far: far), server: { $0.port = 443 }) { place in
            var url = place.url
            url.hosts = [.init(LabProxy.serverName, 443)]
            try await proxy.run(in: place.lab) { [url] in try await body(place, url) }
        }
    }
}
