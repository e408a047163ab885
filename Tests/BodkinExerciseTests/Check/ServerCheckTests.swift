import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinServer
import Testing

@Suite(
    "The check of a server", .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct ServerCheckTests {
    @Test("from the server's host and from a peer everything answers; where only port 443 is open, STUN and TURN over TCP do not")
    func places() async throws {
        try await withPeerLab(RelayPlace.topology(.portRestricted, .only443), server: { $0.port = 443 }) { place in
            try await LabRelay(host: "relay1").run(in: place.lab, secure: true) { tls in
                try await LabRelay(host: "relay2").run(in: place.lab) { tcp in
                    await place.update(TURNRelays([tls.address, tcp.address], secrets: [LabRelay.secret]))
                    for host in ["server", "a"] {
                        let findings = await ServerCheck.run(try await place.configuration(in: host))
                        #expect(findings.count == 7 && findings.allSatisfy { $0.problem == nil }, "\(host): \(findings)")
                    }
                    let findings = await ServerCheck.run(try await place.configuration(in: "b"))
                    let answering = findings.filter { $0.problem == nil }.map { "\($0.service.rawValue) \($0.place)" }
                    #expect(answering == ["rendezvous \(place.url.hosts[0])", "TURN \(tls.address.host)"], "\(findings)")
                    #expect(findings.count == 7 && findings.allSatisfy { $0.problem?.contains(". ") != false }, "\(findings)")
                    await tls.stop()
                    let late = await ServerCheck.run(try await place.configuration(in: "a"))
                    #expect(late.filter { $0.problem != nil }.map(\.place) == [tls.address.host.description], "\(late)")
                }
            }
        }
    }

    @Test("a wrong key and a wrong token are said")
    func wrong() async throws {
        try await withPeerLab(RelayPlace.topology(.open, .open)) { place in
            var configuration = try await place.configuration(in: "a")
            configuration.rendezvous.token = Array("another token 16".utf8)
            let token = await ServerCheck.run(configuration).first { $0.service == .rendezvous }
            #expect(token?.problem?.contains("token") == true, "\(token.map { "\($0)" } ?? "none")")
            configuration.rendezvous.keyHash = Array(repeating: 7, count: 32)
            let key = await ServerCheck.run(configuration).first { $0.service == .rendezvous }
            #expect(key?.problem != nil && key?.problem != token?.problem, "\(key.map { "\($0)" } ?? "none")")
        }
    }
}
