import BodkinCore
import BodkinEmulation
import BodkinExercise
import BodkinPairs
import BodkinPrediction
import BodkinVirtualNetwork
import Synchronization
import Testing

@testable import Bodkin

/// Every pair of networks that have names, dialed in virtual time.
@Suite("Virtual pairs")
struct VirtualPairTests {
    /// Each unordered pair: of the presets of tier 1, of the symmetric ones with all presets, and of p2pd's configurations.
    static let pairs: [NATPair] = {
        let tierOne = PeerCell.tierOne.map(AccessNetwork.preset)
        let meets = tierOne.indices.flatMap { first in tierOne[first...].map { NATPair(tierOne[first], $0) } }
        return meets + NATPair.presets + NATPair.configurations
    }()
    /// So many tests share the pairs, since they run side by side.
    static let shards = 8
    /// The dials that arithmetic calls likely: how many missed, and how many were to be expected.
    private static let likely = Mutex((count: 0, misses: 0, expected: 0.0))

    /// The mapping of the one side is seen by one address only, so that it may depend on the address; with ports drawn from all that would lead nowhere.
    @Test("a doubted mapping does not end a search that goes on as before", arguments: ["preserving", "independent", "dependent"])
    func doubted(_ delta: String) throws {
        let pair = try #require(NATPair.configurations.first { "\($0)" == "symmetric/random + blocked/\(delta)" })
        for seed in UInt64(1)...3 {
            let topology = Topology.pair(pair.a, pair.b, link: LinkParameters(delay: .milliseconds(25)), seed: seed)
            let dial = try VirtualDial(topology)
            try #require(dial.register())
            dial.network.run(for: .seconds(2))
            let report = try #require(dial.dial().report)
            #expect(report.route == .direct, "seed \(seed): \(report)")
        }
    }

    @Test("every pair is connected, directly where arithmetic says so, relayed where it says that nothing can be done", arguments: 0..<shards)
    func route(_ shard: Int) throws {
        for (index, pair) in Self.pairs.enumerated() where index % Self.shards == shard {
            let seed = UInt64.random(in: 1...1_000_000)
            let dial = try VirtualDial(pair.a, pair.b, seed: seed)
            try #require(dial.register(), "\(pair), seed \(seed): not registered")
            let call = dial.dial()
            let report = try #require(call.report, "\(pair), seed \(seed): \(call.error.map { "\($0)" } ?? "no result")")
            switch pair.forecast.feasibility {
            case .certain: #expect(report.route == .direct, "\(pair), seed \(seed): \(report)")
            case .impossible:
                #expect(report.route == .circuit && report.rounds == 0, "\(pair), seed \(seed): \(report)")
                #expect(report.verdict != nil, "\(pair), seed \(seed): \(report)")
            case .likely(let probability, _):
                let rounds = pair.forecast.plan?.rounds ?? 1
                let miss = (0..<rounds).reduce(1.0) { missed, _ in missed * (1 - probability) }
                Self.likely.withLock { $0 = ($0.count + 1, $0.misses + (report.route == .direct ? 0 : 1), $0.expected + miss) }
            case .unknown: Issue.record("\(pair): the lab's NATs are all known")
            }
        }
        // Whichever shard is last sees all of them; five standard deviations and two are no accident.
        let likely = Self.likely.withLock { $0 }
        #expect(Double(likely.misses) <= likely.expected + 5 * likely.expected.squareRoot() + 2, "\(likely)")
    }
}
