import BodkinCore
import BodkinEmulation
import BodkinPairs
import BodkinPrediction
import Testing

@Suite("A dial does what the estimate of its pair says")
struct TraversalTests {
    private static let addresses = [IPAddress(v4: 0xCB00_7101), IPAddress(v4: 0xCB00_7102)]

    /// A network that is known completely, and what a peer behind it tells of its ports right before a burst.
    private static func side(_ layers: [NATParameters], _ index: Int) -> (profile: NATProfile, told: PortForecast) {
        var profile = NATProfile(told: layers, address: addresses[index])
        profile.estimate.ports = profile.allocation.range
        // One look at the allocator.
        var share = PortBlockBudget()
        share.took(13, at: .zero)
        let left = profile.allocation.range.map { share.left(ofBlockSeenAs: $0, at: .zero) } ?? 0
        let ports =
            profile.keepsEndpoint == true
            ? PortForecast.Ports.fixed : PortForecast.Ports(profile.estimate, within: PunchPolicy().timeToFire, ofBlock: left)
        return (profile, PortForecast(address: addresses[index], port: 5_000, ports: ports))
    }

    @Test("over all pairs of presets and of configurations")
    func pairs() throws {
        let networks = (NATPreset.allCases.map(\.layers) + NATConfiguration.distinct.map(\.layers))
        var judged = 0
        for first in networks {
            for second in networks {
                let (a, b) = (Self.side(first, 0), Self.side(second, 1))
                let estimate = TraversalEstimate(of: a.profile, and: b.profile)
                var random = SystemRandomNumberGenerator()
                let (ofA, ofB) = (PunchRound(own: a.told, far: b.told, using: &random), PunchRound(own: b.told, far: a.told, using: &random))
                let pair = "\(a.profile.allocation) + \(b.profile.allocation)"
                switch estimate.feasibility {
                case .impossible(.unpredictable): #expect(ofA == nil && ofB == nil, "\(pair)")
                case .likely where estimate.plan?.tier != .meet:
                    judged += 1
                    let plan = try #require(estimate.plan)
                    let (partA, partB) = (try #require(ofA, "\(pair)"), try #require(ofB, "\(pair)"))
                    #expect(partA.action.count == plan.a.count && partB.action.count == plan.b.count, "\(pair): \(plan)")
                    #expect([partA, partB].allSatisfy { $0.isLast == (plan.rounds == 1) }, "\(pair)")
                    let waiting = plan.first.map { $0 == .a ? [false, true] : [true, false] } ?? [false, false]
                    #expect([partA, partB].map { $0.waits(inRound: 1) } == waiting, "\(pair): \(plan)")
                // The Meet leads there, or nothing may.
                case .certain, .likely, .impossible, .unknown: break
                }
            }
        }
        #expect(judged > 400)
    }
}

extension PunchRound.Action {
    /// How many SYNs.
    fileprivate var count: Int {
        switch self {
        case .burst(let count, _): count
        case .guess(let endpoints): endpoints.count
        }
    }
}
