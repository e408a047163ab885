import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

extension AbuseTests {
    @Suite("NATs that forget a whole mapping at the first RST")
    struct ResetTests {
        /// The other side's box, and whether it forgets, too.
        static let others: [(NATPreset, Bool)] = [
            (.portRestrictedRST, false), (.portRestrictedRST, true), (.portRestricted, false), (.portRestrictedICMP, false), (.rstKills, false),
            (.open, false),
        ]

        @Test("are met directly all the same, in both directions", arguments: others, [true, false])
        func forgetful(_ other: (NATPreset, Bool), _ dials: Bool) async throws {
            let presets: [NATPreset] = dials ? [.portRestrictedRST, other.0] : [other.0, .portRestrictedRST]
            var topology = Topology.pair(presets[0], presets[1], link: LinkParameters(delay: .milliseconds(25)), seed: 1)
            for box in [dials ? "nat-a" : "nat-b"] + (other.1 ? [dials ? "nat-b" : "nat-a"] : []) {
                topology.updateBox(box) { $0.parameters.resetEffect = .mapping(after: .zero) }
            }
            try await withPeerLab(topology) { place in
                let result = try await PeerExercise.run(in: place, PeerExercise.Settings())
                #expect(result.failure == nil)
                #expect(result.route == .direct, "\(result.report.map { "\($0)" } ?? "no report")")
            }
        }
    }
}
