import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import Testing

/// The order of the second round of predicted ports. In a process of its own, as ``BudgetTests``: which side fires first is a matter of milliseconds.
@Suite(
    "The second round in the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct SecondRoundTests {
    @Test(
        "a NAT that lets no SYN in is crossed in two rounds, because the second one has the other order",
        arguments: [("symmetric/independent", "blocked/equal"), ("blocked/random", "symmetric/preserving")])
    func otherOrder(near: String, far: String) async throws {
        let (a, b) = (try #require(AccessNetwork(rawValue: near)), try #require(AccessNetwork(rawValue: far)))
        let topology = Topology.pair(a, b, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        try await withPeerLab(topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { called in
                try await place.withPeer(in: "a") { dialer in
                    try await called.warm()
                    try await dialer.warm()
                    let connection = try await dialer.connect(to: called.id)
                    try await connection.write("x".utf8)
                    let report = try await connection.settled()
                    #expect(report.route == .direct && (1...2).contains(report.rounds), "\(report)")
                }
            }
        }
    }
}
