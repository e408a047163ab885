import BodkinExercise
import BodkinNATLab
import BodkinPairs

/// Bodkin, and the TCP hole punching of warpgate and p2pd, between the same NATs with the same delays, in turn in each round.
struct RivalsBenchmark: Sendable {
    /// Pairs that any of them should manage first, then those that ask for more; the last one is impossible.
    private static let pairs = [
        pair(.portRestricted, .portRestricted), pair(.portRestrictedRST, .portRestrictedRST), pair(.rstKills, .rstKills), pair(.cgn, .cgn),
        pair(.masquerade, .masquerade), pair(.randomCone, .randomCone), pair(.symmetricSequential, .portRestricted),
        pair(.symmetricSequential, .symmetricSequential), pair(.symmetricNoisy, .portRestricted), pair(.symmetricBlock, .portRestricted),
        pair(.symmetricRandom, .portRestricted), pair(.symmetricRandom, .symmetricRandom),
    ]
    /// How many labs there are at once: most of a rival's time is waiting.
    private static let lanes = 3

    var repeats = 5

    /// Runs it and prints what it finds; false where Bodkin itself left a pair unconnected.
    func run() async throws -> Bool {
        let packages = try RivalPackages(in: ".build-rivals")
        print("rivals: 25 ms from any host to any, \(repeats) rounds of two minutes, who dials takes turns; seconds from the dial, median (worst)\n")
        var table = RivalTable()
        var isConnected = true
        let repeats = repeats
        try await withThrowingTaskGroup(of: (RivalDial, Contender, NATPair).self) { group in
            var jobs = (0..<repeats).flatMap { round in Self.pairs.flatMap { pair in Contender.allCases.map { (round, pair, $0) } } }.makeIterator()
            func add() {
                guard let (round, pair, contender) = jobs.next() else { return }
                group.addTask {
                    let turned = round % 2 == 0 ? pair : pair.reversed
                    return (try await RivalDial.run(contender, turned, seed: UInt64(round), packages: packages), contender, pair)
                }
            }
            for _ in 0..<Self.lanes { add() }
            while let (dial, contender, pair) = try await group.next() {
                table.note(dial, contender, pair)
                if contender == .bodkin, case .none = dial.outcome { isConnected = false }
                add()
            }
        }
        table.show(Self.pairs)
        return isConnected
    }

    private static func pair(_ a: NATPreset, _ b: NATPreset) -> NATPair { NATPair(.preset(a), .preset(b)) }
}
