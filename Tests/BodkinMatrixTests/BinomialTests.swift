import Testing

@testable import BodkinMatrix

@Suite("Binomial tails")
struct BinomialTests {
    /// The whole distribution by the recurrence over trials, which has nothing in common with what is tested.
    private static func distribution(_ trials: Int, _ probability: Double) -> [Double] {
        var result = [1.0]
        for _ in 0..<trials {
            var next = Array(repeating: 0.0, count: result.count + 1)
            for (count, share) in result.enumerated() {
                next[count] += share * (1 - probability)
                next[count + 1] += share * probability
            }
            result = next
        }
        return result
    }

    @Test("are exact", arguments: [1, 2, 5, 20, 100, 300], [0.001, 0.25, 0.5, 0.4375, 0.97, 0.9999])
    func exact(trials: Int, probability: Double) {
        let distribution = Self.distribution(trials, probability)
        for count in 0...trials {
            let low = distribution[...count].reduce(0, +)
            let high = distribution[count...].reduce(0, +)
            #expect(abs(Binomial.atMost(count, of: trials, probability: probability) - low) < 1e-9)
            #expect(abs(Binomial.atLeast(count, of: trials, probability: probability) - high) < 1e-9)
        }
    }

    @Test("known values: none of ten heads, and 90 or fewer of 100 where 97 % are good")
    func known() {
        #expect(abs(Binomial.atMost(0, of: 10, probability: 0.5) - 1.0 / 1024) < 1e-15)
        #expect(abs(Binomial.atMost(90, of: 100, probability: 0.97) / 0.000874 - 1) < 0.02)
        // A tail far below one is not lost in the difference of two numbers near it.
        #expect(abs(Binomial.atLeast(20, of: 20, probability: 0.01) / 1e-40 - 1) < 1e-9)
    }

    @Test("certainties and nonsense have tails, too")
    func edges() {
        #expect(Binomial.atMost(-1, of: 5, probability: 0.5) == 0 && Binomial.atMost(5, of: 5, probability: 0.5) == 1)
        #expect(Binomial.atMost(4, of: 5, probability: 1) == 0 && Binomial.atMost(0, of: 5, probability: 0) == 1)
        #expect(Binomial.atLeast(0, of: 0, probability: 0.5) == 1)
    }

    @Test("bounds leave less than the error outside on each side, and no more than they must", arguments: [10, 100], [0.25, 0.4375, 0.98, 1.0])
    func bounds(trials: Int, probability: Double) {
        let error = 1e-4
        let bounds = Binomial.bounds(of: trials, probability: probability, error: error)
        #expect(Binomial.atMost(bounds.lowerBound - 1, of: trials, probability: probability) < error)
        #expect(Binomial.atMost(bounds.lowerBound, of: trials, probability: probability) >= error)
        #expect(Binomial.atLeast(bounds.upperBound, of: trials, probability: probability) >= error)
        if bounds.upperBound < trials { #expect(Binomial.atLeast(bounds.upperBound + 1, of: trials, probability: probability) < error) }
    }
}
