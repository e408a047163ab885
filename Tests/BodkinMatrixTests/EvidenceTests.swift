import BodkinExercise
import Testing

@testable import BodkinMatrix

@Suite("The evidence as JSON")
struct EvidenceTests {
    @Test("comes back from its text, dial by dial")
    func text() throws {
        var evidence = Evidence(kernel: "6.1", seed: 5)
        evidence.pairs = PairEvidence()
        let outcomes = [
            try PairFindingTests.outcome("symmetric-seq", "cgn", direct: 3, circuit: 1, none: 1),
            try PairFindingTests.outcome("symmetric/random", "blocked/equal", direct: 1),
        ]
        evidence.pairs?.replace(with: outcomes)
        let back = try Evidence(json: evidence.json)
        #expect(back.pairs?.outcomes.map(\.dials) == evidence.pairs?.outcomes.map(\.dials))
        #expect(back.pairs?.outcomes.map(\.verdict) == evidence.pairs?.outcomes.map(\.verdict))
        #expect(back.json == evidence.json)
    }

    @Test("pairs that are measured anew take the place of the old, in the catalogue's order")
    func replacing() throws {
        var pairs = PairEvidence()
        pairs.replace(with: [
            try PairFindingTests.outcome("symmetric-random", "cgn", direct: 1), try PairFindingTests.outcome("symmetric-seq", "cgn", direct: 2),
        ])
        #expect(pairs.outcomes.map(\.direct) == [2, 1])
        pairs.replace(with: [try PairFindingTests.outcome("symmetric-random", "cgn", direct: 7)])
        #expect(pairs.outcomes.map(\.direct) == [2, 7])
    }
}
