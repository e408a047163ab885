extension Hypothesis {
    /// Every NAT that counts, whatever the local port.
    static func sequential(_ events: AllocationEvents) -> [Hypothesis] {
        [1, -1].flatMap { direction in
            let order = CountedOrder(events, direction: direction)
            return deltas(of: order.steps).sorted().map { sequential(order, $0) }
        }
    }

    /// Each port `size` after the one before, or a multiple of it where others have taken some in between.
    private static func sequential(_ order: CountedOrder, _ size: Int) -> Hypothesis {
        let steps = order.steps.indices.map { index in
            let step = order.steps[index]
            return Step(strangers: step > 0 && step % size == 0 ? step / size - 1 : nil, time: order.times[index], outlier: 0.02)
        }
        let fit = Fit(steps)
        let delta = size * order.direction
        var result = Hypothesis(.sequential(delta: delta), .sequential, anywhere + Self.delta(delta) + fit.weight - order.cost)
        (result.agreeing, result.relevant, result.strangers, result.time) = (fit.agreeing, steps.count, fit.strangers, fit.time)
        return result
    }
}

/// The order in which a NAT that counts in one direction has seen the SYNs: batch after batch, within a batch by port, cut where it is least dense.
struct CountedOrder: Sendable {
    /// 1 for upwards, -1 for downwards.
    let direction: Int
    let events: [AllocationEvents.Event]
    /// From each port to the next one, in this direction, round the range.
    let steps: [Int]
    /// Seconds from one to the next.
    let times: [Double]
    /// What it costs that the NAT has to have seen the SYNs in another order than the one they were sent in: a logarithm.
    let cost: Double

    init(_ events: AllocationEvents, direction: Int) {
        let ring = PortRing()
        let price = -LogProbability.of(0.05 + events.disorder * 0.5)
        var ordered: [AllocationEvents.Event] = []
        var cost = 0.0
        for batch in events.batches {
            let sorted = batch.enumerated().sorted { $0.element.port < $1.element.port }
            let gaps = sorted.indices.map {
                ring.distance(from: sorted[$0 == 0 ? sorted.count - 1 : $0 - 1].element.port, to: sorted[$0].element.port)
            }
            let start = sorted.count > 1 ? gaps.indices.max { gaps[$0] < gaps[$1] } ?? 0 : 0
            let upwards = Array(sorted[start...] + sorted[..<start])
            let turned = direction > 0 ? upwards : upwards.reversed()
            ordered += turned.map(\.element)
            let inversions = turned.indices.reduce(0) { sum, first in
                sum + turned[first...].count { $0.offset < turned[first].offset }
            }
            cost += min(Double(inversions) * price, LogProbability.factorial(turned.count) + 1)
        }
        let pairs = zip(ordered, ordered.dropFirst())
        self.direction = direction
        self.events = ordered
        self.cost = cost
        steps = pairs.map { direction > 0 ? ring.distance(from: $0.port, to: $1.port) : ring.distance(from: $1.port, to: $0.port) }
        times = pairs.map { abs($1.sent - $0.sent) }
    }
}
