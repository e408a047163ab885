import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// Real peers behind a NAT whose mapping depends on the remote address alone. The laboratory's server has two addresses.
@Suite(
    "A mapping that depends on the address alone, in the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct AddressDependenceTests {
    @Test("is sampled at both addresses of the server, and predicted", arguments: [true, false])
    func predicted(dials: Bool) async throws {
        var topology = Topology.pair(.symmetricSequential, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        topology.updateBox("nat-a") { $0.parameters.tcp.mapping = .addressDependent }
        try await withPeerLab(topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { b in
                try await place.withPeer(in: "a", { $0.admission = .anyone }) { a in
                    try await a.warm()
                    try await b.warm()
                    let connection = try await dials ? a.connect(to: b.id) : b.connect(to: a.id)
                    try await connection.write("x".utf8)
                    let report = try await connection.settled()
                    #expect(report.route == .direct && report.rounds > 0, "\(report)")
                }
            }
        }
    }
}
