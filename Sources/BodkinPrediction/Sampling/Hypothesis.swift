/// One way in which the samples may have come about, and how probable it makes them.
struct Hypothesis: Sendable {
    /// Families of hypotheses, with the share of NATs that are supposed to belong to each before anything is seen. Nothing depends on these numbers once there
    /// are a few samples.
    enum Family: Sendable {
        case equal
        case preserving
        case sequential
        case dependent
        case random
        case block

        var share: Double {
            switch self {
            case .equal: 0.4
            case .preserving: 0.08
            case .sequential: 0.15
            case .dependent: 0.05
            case .random: 0.17
            case .block: 0.15
            }
        }
    }

    let kind: AllocationKind
    /// The natural logarithm of the probability of all that was seen, given the hypothesis.
    let logarithm: Double
    /// The natural logarithm of the probability of all that was seen, times that of the hypothesis itself.
    let weight: Double
    /// How many of the samples that could speak for this kind do, and how many there are.
    var agreeing = 0
    var relevant = 0
    /// How many allocations of others it needs, and during what time, in seconds.
    var strangers = 0
    var time = 0.0

    init(_ kind: AllocationKind, _ family: Family, _ logarithm: Double) {
        self.kind = kind
        self.logarithm = logarithm
        weight = logarithm + LogProbability.of(family.share)
    }

    /// That a port is any one of all.
    static let anywhere = -LogProbability.of(Double(PortRing().count))

    /// A step that fits is at most this; a NAT with larger steps is not recognized.
    static let largestDelta = 256

    /// The sizes that a NAT may count in that takes these steps upwards: one that is seen, or where others come in between every time, what two successive ones have
    /// in common.
    static func deltas(of steps: [Int]) -> Set<Int> {
        let upwards = steps.filter { $0 > 0 }
        let common = zip(upwards, upwards.dropFirst()).map(greatestCommonDivisor)
        return Set((upwards + common).filter { $0 <= largestDelta })
    }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        second == 0 ? first : greatestCommonDivisor(second, first % second)
    }

    /// That a NAT counts in steps of this size: the smaller, the more likely.
    static func delta(_ delta: Int) -> Double { -LogProbability.of(2 * Double(abs(delta)) * Double(abs(delta) + 1)) }

    /// Every hypothesis that is tried.
    static func all(_ events: AllocationEvents) -> [Hypothesis] {
        let uniform = uniform(events)
        // A NAT that allocates some of its ports at random may have a smaller range, too: it is treated as one that allocates all of them so.
        let drawn = (uniform.first?.logarithm ?? 0) / Double(max(1, events.events.count))
        return [equal(events)] + preserving(events) + sequential(events) + dependent(events, drawn: max(anywhere, drawn)) + uniform
    }
}

extension Hypothesis {
    /// The local port where it is free, any where it is not.
    static func equal(_ events: AllocationEvents) -> Hypothesis {
        let agreeing = events.events.count { $0.port == $0.localPort }
        let relevant = events.events.count
        let weight = Double(agreeing) * LogProbability.of(0.97) + Double(relevant - agreeing) * (LogProbability.of(0.03) + anywhere)
        var result = Hypothesis(.equal, .equal, weight)
        (result.agreeing, result.relevant) = (agreeing, relevant)
        return result
    }

    /// The same distance from every local port; where that one is taken, one of the next eight.
    static func preserving(_ events: AllocationEvents) -> [Hypothesis] {
        let ring = PortRing()
        let shifts = events.events.map { ring.distance(from: $0.localPort, to: $0.port) }
        return Set(shifts).subtracting([0]).sorted().map { shift in
            var weight = anywhere
            var agreeing = 0
            for other in shifts {
                let excess = ring.distance(from: shift, to: other)
                switch excess {
                case 0:
                    weight += LogProbability.of(0.94)
                    agreeing += 1
                case 1...8: weight += LogProbability.of(0.04 / 8)
                default: weight += LogProbability.of(0.02) + anywhere
                }
            }
            var result = Hypothesis(.preserving(shift: shift), .preserving, weight)
            (result.agreeing, result.relevant) = (agreeing, shifts.count)
            return result
        }
    }
}
