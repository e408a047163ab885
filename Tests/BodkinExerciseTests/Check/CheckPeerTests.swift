import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import FoundationEssentials
import Testing

/// What `bodkin check --peer` says of pairs of which it is known what becomes of them.
@Suite(
    "bodkin check --peer in the lab", .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CheckPeerTests {
    struct Pair: Sendable {
        let near: NATPreset
        let far: NATPreset
        let ports: String
        let outcome: String
        let by: String?
    }

    @Test(
        "says what becomes of the pair, and the peer's application hears nothing of it", .timeLimit(.minutes(1)),
        arguments: [
            Pair(near: .portRestricted, far: .masquerade, ports: "fixed", outcome: "likely", by: "meet"),
            Pair(near: .fullCone, far: .symmetricSequential, ports: "sequential", outcome: "certain", by: "meet"),
            Pair(near: .portRestricted, far: .symmetricSequential, ports: "sequential", outcome: "likely", by: "predicted"),
            Pair(near: .symmetricBlock, far: .portRestricted, ports: "fixed", outcome: "likely", by: "search"),
            Pair(near: .symmetricRandom, far: .symmetricSequential, ports: "sequential", outcome: "circuit", by: nil),
        ])
    func foretold(_ pair: Pair) async throws {
        try await withPeerLab(.pair(pair.near, pair.far, seed: 1)) { place in
            let log = EventLog()
            try await place.withPeer(in: "b", log: log, { $0.admission = .anyone }) { far in
                try await far.registered()
                // On a busy machine a measurement of the remote NAT may have failed: a query makes the peer measure once more.
                let output = try await eventually("a peer that knows its ports") {
                    let result = try await CheckProgram.run(["check", "--json", "--peer", "\(far.id)"], in: "a", of: place)
                    #expect(result.status == 0, "\(result)")
                    let output = try #require(try JSONDecoder().decode(CheckOutput.self, from: Data(result.output.utf8)).peer)
                    return output.ports == "unknown" ? nil : output
                }
                #expect(output.reachable && output.ports == pair.ports && output.outcome == pair.outcome && output.by == pair.by, "\(output)")
                #expect(output.reason == (pair.by == nil ? "unpredictable" : nil))
                #expect(output.outside.flatMap { IPAddress($0) } == log.observed.first?.address)
            }
            let connected = log.all.contains { if case .connected = $0.kind { true } else { false } }
            #expect(!connected && log.attempts.isEmpty, "\(log.all)")
        }
    }

    @Test("of a relay-only peer learns nothing, and says so in words")
    func relayOnly() async throws {
        try await withPeerLab(.pair(.portRestricted, .portRestricted, seed: 1)) { place in
            try await place.withPeer(in: "b", { ($0.admission, $0.paths) = (.anyone, .relayOnly) }) { far in
                try await far.registered()
                let result = try await CheckProgram.run(["check", "--peer", "\(far.id)"], in: "a", of: place)
                #expect(result.status == 0 && result.output.contains("It sent no forecast of its ports, because it uses only circuits"), "\(result)")
                #expect(result.output.contains("Connection to this peer: unknown, because not enough was measured"))
            }
        }
    }

    @Test("a peer that is not there, or does not allow it, is an error that says what to do")
    func absent() async throws {
        try await withPeerLab(.pair(.open, .open, seed: 1)) { place in
            let stranger = try Identity.create().peerID
            let result = try await CheckProgram.run(["check", "--json", "--peer", "\(stranger)"], in: "a", of: place)
            #expect(result.status == 68 && result.error.contains("Check that it listens at this server and allows"), "\(result)")
            let output = try #require(try JSONDecoder().decode(CheckOutput.self, from: Data(result.output.utf8)).peer)
            #expect(!output.reachable && output.message?.contains("Check that it listens") == true)
        }
    }
}
