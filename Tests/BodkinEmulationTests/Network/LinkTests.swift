import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Links")
struct LinkTests {
    /// The arrival times, in milliseconds, of packets of `size` bytes sent `gap` apart; nil for the lost ones.
    private static func arrivals(
        _ parameters: LinkParameters, count: Int, gap: Duration, size: Int = 100, seed: UInt64 = 1
    ) -> [Double?] {
        var link = Link(parameters)
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { number in
            link.arrival(of: size, at: LabInstant.start.advanced(by: gap * number), &random)?.since(.start).milliseconds
        }
    }

    @Test("a perfect link takes no time and loses nothing")
    func perfect() { #expect(Self.arrivals(LinkParameters(), count: 5, gap: .milliseconds(1)) == [0, 1, 2, 3, 4]) }

    @Test("every packet takes the delay")
    func delay() {
        #expect(Self.arrivals(LinkParameters(delay: .milliseconds(25)), count: 3, gap: .milliseconds(1)) == [25, 26, 27])
    }

    @Test("jitter adds at most itself, spreads evenly, and never reorders", arguments: 0..<10 as Range<UInt64>)
    func jitter(seed: UInt64) {
        let link = LinkParameters(delay: .milliseconds(25), jitter: .milliseconds(5))
        let close = Self.arrivals(link, count: 1000, gap: .microseconds(10), seed: seed).compactMap { $0 }
        #expect(close.count == 1000 && close == close.sorted())
        let apart = Self.arrivals(link, count: 1000, gap: .milliseconds(10), seed: seed).compactMap { $0 }
        let added = apart.enumerated().map { $0.element - Double($0.offset) * 10 - 25 }
        #expect(added.allSatisfy { (0...5).contains($0) })
        let mean = added.reduce(0, +) / 1000
        #expect((2.3...2.7).contains(mean), "mean \(mean)")
        #expect(added.contains { $0 < 0.1 } && added.contains { $0 > 4.9 })
    }

    @Test("packets are lost with the probability that was set, one independent of another", arguments: [0.01, 0.02, 0.1, 0.5])
    func loss(probability: Double) {
        let results = Self.arrivals(LinkParameters(loss: probability), count: 20_000, gap: .milliseconds(1))
        let expected = probability * 20_000
        let deviation = (expected * (1 - probability)).squareRoot()
        let lost = Double(results.count { $0 == nil })
        #expect(abs(lost - expected) < 4 * deviation)
        let pairs = Double(zip(results, results.dropFirst()).count { $0 == nil && $1 == nil })
        #expect(abs(pairs - probability * expected) < 6 * (probability * expected).squareRoot() + 3)
    }

    @Test("nothing is lost at 0, everything at 1", arguments: [(0.0, 100), (1.0, 0)])
    func extremes(loss: Double, arrived: Int) {
        #expect(Self.arrivals(LinkParameters(loss: loss), count: 100, gap: .zero).compactMap { $0 }.count == arrived)
    }

    @Test("a limited link sends one packet after the other")
    func rate() {
        // 1000 bytes at 8 Mbit/s take one millisecond.
        let link = LinkParameters(delay: .milliseconds(10), rate: 8_000_000)
        #expect(Self.arrivals(link, count: 4, gap: .zero, size: 1000) == [11, 12, 13, 14])
        #expect(Self.arrivals(link, count: 3, gap: .milliseconds(5), size: 1000) == [11, 16, 21])
    }

    @Test("a limited link carries its rate and no more")
    func throughput() {
        let link = LinkParameters(rate: 1_000_000, queue: 10_000)
        let arrived = Self.arrivals(link, count: 10_000, gap: .microseconds(100), size: 500).compactMap { $0 }
        let bits = Double(arrived.count) * 4000
        let seconds = (arrived.last ?? 0) / 1000
        #expect((0.999...1.001).contains(bits / seconds / 1_000_000))
    }

    @Test("what does not fit the queue is lost")
    func queue() {
        let link = LinkParameters(rate: 8_000_000, queue: 3000)
        let results = Self.arrivals(link, count: 10, gap: .zero, size: 1000)
        #expect(results == [1, 2, 3, 4] + [Double?](repeating: nil, count: 6))
    }

    @Test("one seed, one fate")
    func seeded() {
        let link = LinkParameters(delay: .milliseconds(1), jitter: .milliseconds(9), loss: 0.3)
        let first = Self.arrivals(link, count: 100, gap: .milliseconds(1), seed: 5)
        #expect(first == Self.arrivals(link, count: 100, gap: .milliseconds(1), seed: 5))
        #expect(first != Self.arrivals(link, count: 100, gap: .milliseconds(1), seed: 6))
    }
}
