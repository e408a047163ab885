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
    @Test("connects as its networks allow", .timeLimit(.minutes(1)), arguments: PeerCell.all)
    func connects(_ cell: PeerCell) async throws {
        let result = try await PeerExercise.run(cell, seed: 1)
        #expect(result.failure == nil)
        #expect(result.route == cell.route, "\(result.report.map { "\($0)" } ?? "no report")")
        #expect(result.report.map(cell.isMet) == true, "\(result.report.map { "\($0)" } ?? "no report")")
        // The Meet has nine instants; whoever is out of reach is shot at no more than that.
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
