import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

extension AbuseTests {
    @Suite("NATs that forget a whole mapping at the first RST")
    struct ResetTests {
        /// ``VirtualForgetfulTests`` of the peer's own tests try it with every other box in virtual time; here is an RST that a system answers with.
        @Test("meet each other directly all the same")
        func forgetful() async throws {
            var topology = Topology.pair(.portRestrictedRST, .portRestrictedRST, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
            for box in ["nat-a", "nat-b"] { topology.updateBox(box) { $0.parameters.resetEffect = .mapping(after: .zero) } }
            try await withPeerLab(topology) { place in
                let result = try await PeerExercise.run(in: place, PeerExercise.Settings())
                #expect(result.failure == nil)
                #expect(result.route == .direct, "\(result.report.map { "\($0)" } ?? "no report")")
            }
        }
    }
}
