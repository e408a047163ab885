import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// What a peer knows of how its NAT gives ports.
@Suite(
    "Allocation in the lab", .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct FreshAllocationTests {
    @Test(
        "is learnt anew after an address has come that leaves everything else as it was, while it was being learnt or later", .timeLimit(.minutes(1)),
        arguments: [Duration.zero, .seconds(1)])
    func change(after pause: Duration) async throws {
        let topology = Topology.pair(.symmetricRandom, .symmetricRandom, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
        try await withPeerLab(topology) { place in
            let log = EventLog()
            try await place.withPeer(in: "b", log: log, { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a") { near in
                    try await far.registered()
                    try await near.registered()
                    try await Task.sleep(for: pause)
                    // Registered anew, with the new address.
                    let before = log.registrationCount
                    let change = try await place.lab.host("b").run("ip", "address", "add", "10.77.77.77/24", "dev", "eth0")
                    #expect(change.status == 0)
                    try await eventually("another registration") { log.registrationCount > before }
                    let connection = try await near.connect(to: far.id)
                    let report = try await connection.settled()
                    #expect(report.verdict == .unpredictable && report.rounds == 0, "\(report)")
                }
            }
        }
    }
}
