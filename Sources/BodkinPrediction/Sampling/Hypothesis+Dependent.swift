extension Hypothesis {
    /// A pair of probes from successive local ports, or with one or two in between whose answers are lost.
    private struct Successor {
        /// From one external port to the other, the shorter way.
        let step: Int
        /// From one local port to the other.
        let gap: Int
        /// Seconds.
        let time: Double
        /// The probability that the NAT has not seen one right after the other.
        let doubt: Double
    }

    private static func successors(_ events: AllocationEvents) -> [Successor] {
        let ring = PortRing()
        return zip(events.events, events.events.dropFirst()).compactMap { first, second in
            let gap = second.localPort - first.localPort
            let isTogether = first.batch == second.batch
            guard gap >= 1, gap <= (isTogether ? 3 : 1) else { return nil }
            return Successor(
                step: ring.signedDistance(from: first.port, to: second.port), gap: gap, time: abs(second.sent - first.sent),
                doubt: isTogether ? events.doubt(first, second) : AllocationEvents.leastDoubt)
        }
    }

    /// - Parameter drawn: the logarithm of the probability of a port that follows no rule.
    /// Every NAT that counts for consecutive local ports only; also one of which the order of arrival has left nothing to see.
    static func dependent(_ events: AllocationEvents, drawn: Double) -> [Hypothesis] {
        let successors = successors(events)
        let deltas = [1, -1].flatMap { sign in Self.deltas(of: successors.map { $0.step / $0.gap * sign }).map { $0 * sign } }
        return Set(deltas).union([0]).sorted().map { dependent(events, successors, $0, drawn) }
    }

    /// Where the local port is the successor of the one before, so is the external one; elsewhere it is any.
    private static func dependent(_ events: AllocationEvents, _ successors: [Successor], _ delta: Int, _ drawn: Double) -> Hypothesis {
        let steps = successors.map { pair in
            let count = delta != 0 && pair.step % delta == 0 ? pair.step / delta : 0
            return Step(strangers: count >= pair.gap ? count - pair.gap : nil, time: pair.time, outlier: pair.doubt)
        }
        let fit = Fit(steps, drawn: drawn)
        let others = Double(events.events.count - successors.count) * drawn
        var result = Hypothesis(.dependent(delta: delta), .dependent, others + fit.weight + (delta == 0 ? 0 : Self.delta(delta)))
        (result.agreeing, result.relevant, result.strangers, result.time) = (fit.agreeing, steps.count, fit.strangers, fit.time)
        return result
    }
}
