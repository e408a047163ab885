import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Testing

/// Real peers in emulated networks, asserted by route.
@Suite(
    "Peers in the lab", .serialized,
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct PeerCellTests {
    /// Pairs of emulated NATs, one for each thing that a system does of its own in a dial: it accepts, lets SYNs cross, reads an RST or an ICMP error, connects from
    /// a hundred ports at once. ``VirtualPairTests`` and ``VirtualCellTests`` of the peer's own tests dial every pair in virtual time.
    static let pairs: [PeerCell] = {
        let pairs: [(NATPreset, NATPreset)] = [
            (.open, .open), (.open, .portRestricted), (.portRestricted, .portRestricted), (.portRestrictedRST, .portRestrictedRST),
            (.portRestrictedICMP, .portRestrictedICMP), (.rstKills, .rstKills), (.randomCone, .masquerade), (.cgn, .cgn), (.udpBlocked, .udpBlocked),
            (.symmetricRandom, .fullCone), (.symmetricRandom, .portRestrictedRST), (.symmetricRandom, .cgn), (.symmetricRandom, .symmetricRandom),
            (.symmetricSequential, .portRestricted), (.symmetricSequential, .symmetricSequential), (.symmetricNoisy, .symmetricNoisy),
            (.symmetricDependent, .symmetricDependent), (.symmetricBlock, .portRestricted),
        ]
        return pairs.compactMap { pair in PeerCell.all.first { $0.name == "\(pair.0.rawValue) + \(pair.1.rawValue)" } }
    }()

    @Test("each of the pairs is in the matrix")
    func catalogue() { #expect(Self.pairs.count == 18) }

    @Test("connects as its networks allow", .timeLimit(.minutes(1)), arguments: pairs + PeerCell.places + PeerCell.kernel)
    func connects(_ cell: PeerCell) async throws {
        let result = try await PeerExercise.run(cell, seed: 1)
        #expect(result.failure == nil)
        #expect(result.route == cell.route, "\(result.report.map { "\($0)" } ?? "no report")")
        #expect(result.report.map(cell.isMet) == true, "\(result.report.map { "\($0)" } ?? "no report")")
        // The Meet has nine instants; a peer out of reach gets no more SYNs than that.
        if cell.verdict != nil { #expect(result.report?.attempts.allSatisfy { $0.shots <= MeetSchedule.instants.count } == true) }
        // A byte has come by the direct path where there is one, and not before the first byte of all.
        #expect((result.directByte != nil) == (cell.route == .direct))
        if let directByte = result.directByte, let farByte = result.farByte { #expect(directByte >= farByte) }
    }
}

enum Laboratory {
    /// Whether this machine lets this user build a lab; tried once.
    static var isAvailable: Bool { get async { await attempt.value } }

    private static let attempt = Task {
        var topology = Topology(seed: 1)
        topology.addServer()
        return (try? await withLab(topology) { _ in true }) ?? false
    }
}
