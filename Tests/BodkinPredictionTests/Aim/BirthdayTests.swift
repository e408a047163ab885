import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinEmulation

@Suite("Searches among many ports")
struct BirthdayTests {
    @Test("the probabilities are those of the formula", arguments: [(256, 256, 0.64), (256, 1024, 0.983), (512, 1024, 0.9997)])
    func formula(open: Int, guesses: Int, expected: Double) {
        #expect(abs(Collision.probability(open: open, guesses: guesses, range: 64_512) - expected) < 0.004)
    }

    @Test("32 by 32 in a block of 512 meet in seven of eight rounds, two halves of blocks in one of four")
    func blocks() {
        #expect(abs(Collision.probability(open: 32, guesses: 32, range: 512) - 0.87) < 0.02)
        #expect(Collision.crossed(openA: 256, rangeA: 512, openB: 256, rangeB: 512) == 0.25)
    }

    @Test("what is drawn meets as often as the formula says", arguments: [(256, 256, 64_512), (512, 1024, 64_512), (32, 32, 512), (8, 8, 64)])
    func simulated(open: Int, guesses: Int, range: Int) {
        let rounds = 800
        let ports: ClosedRange<UInt16> = 1024...UInt16(1023 + range)
        var met = 0
        for seed in 1...UInt64(rounds) {
            var random = SeededGenerator(seed: seed)
            var allocator = PortAllocator(.random, ports: ports, noise: 0, random: &random)
            var taken: Set<UInt16> = []
            for local in 0..<open {
                let source = Endpoint(SimulatedNetwork.external, UInt16(5000 + local))
                let port = allocator.allocate(for: source, at: .start, random: &random) { !taken.contains($0) }
                if let port { taken.insert(port) }
            }
            let drawn = PortGuesses.draw(guesses, from: ports, using: &random)
            if !taken.isDisjoint(with: drawn) { met += 1 }
        }
        let expected = Collision.probability(open: open, guesses: guesses, range: range)
        let rate = Double(met) / Double(rounds)
        print("\(open) x \(guesses) in \(range): \(rate), by formula \(expected)")
        #expect(abs(rate - expected) <= 4 * (expected * (1 - expected) / Double(rounds)).squareRoot() + 0.001, "\(rate) for \(expected)")
    }

    @Test("guesses are distinct, in the range, and as many as asked for or all there are", arguments: [0, 1, 5, 64, 65, -3, .max])
    func distinct(count: Int) {
        for seed in 1...UInt64(50) {
            var random = SeededGenerator(seed: seed)
            let drawn = PortGuesses.draw(count, from: 2048...2111, using: &random)
            #expect(drawn.count == max(0, min(count, 64)) && Set(drawn).count == drawn.count)
            #expect(drawn.allSatisfy { (2048...2111).contains($0) })
        }
    }

    @Test("each port is as likely to be guessed as any other, at each place")
    func uniform() {
        var counts = [Int](repeating: 0, count: 16)
        var firsts = counts
        let rounds = 8000
        for seed in 1...UInt64(rounds) {
            var random = SeededGenerator(seed: seed)
            let drawn = PortGuesses.draw(4, from: 2048...2063, using: &random)
            for port in drawn { counts[Int(port) - 2048] += 1 }
            if let first = drawn.first { firsts[Int(first) - 2048] += 1 }
        }
        // Five standard deviations of each of 32 counts.
        #expect(counts.allSatisfy { abs($0 - rounds / 4) < 194 }, "\(counts)")
        #expect(firsts.allSatisfy { abs($0 - rounds / 16) < 109 }, "\(firsts)")
    }

    @Test("no more guesses than the goal needs, and no more than the limit")
    func fewest() {
        let needed = Collision.guesses(open: 64, range: 512, goal: 0.999, limit: 1024)
        #expect(Collision.probability(open: 64, guesses: needed, range: 512) >= 0.999)
        #expect(Collision.probability(open: 64, guesses: needed - 1, range: 512) < 0.999)
        #expect(Collision.guesses(open: 1, range: 64_512, goal: 0.999, limit: 1024) == 1024)
        #expect(Collision.guesses(open: 0, range: 0, goal: 1, limit: -4) == 0)
    }

    @Test("nonsense has no probability")
    func nonsense() {
        #expect(Collision.probability(open: -1, guesses: 5, range: 10) == 0)
        #expect(Collision.probability(open: 5, guesses: 6, range: 10) == 1)
        #expect(Collision.crossed(openA: 5, rangeA: 0, openB: 1, rangeB: 1) == 0)
    }
}
