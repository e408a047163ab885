/// One round between two sides, given what is known of both sides' ports: what each side does, and how probable it is that their ports meet.
///
/// This is the one table. A dial takes its part from it (``PunchRound``), and so do ``TraversalEstimate``, `bodkin check` and the lab.
///
/// | | fixed | sequential | port block | random |
/// |---|---|---|---|---|
/// | fixed | meet | guesses against 1 | guesses against a burst | guesses against a burst |
/// | sequential | | burst against burst | burst against burst | nothing |
/// | port block | | | burst against burst | nothing |
package struct Traversal: Hashable, Sendable {
    /// What both sides do.
    package let plan: PunchPlan
    /// The probability that their ports meet.
    package let probability: Double

    /// A round that is less probable than this is not fired.
    static let worthwhile = 0.05
    /// Ports opened by a side that allocates from the whole range, and guesses by the other side: of 64 512, the two meet with 99.9 %.
    static let opened = 512
    static let guessed = PunchPolicy.largestBudget - PunchPolicy.reserve
    /// Of a block a sixteenth is opened towards a fixed port, within these bounds: 32 of 512 and 256 guesses meet with any certainty, and leave ports for more dials.
    static let openedOfBlock = 16...64
    static let guessedOfBlock = 256

    /// The round; nil where nothing is known, or where nothing is to be gained.
    /// - Parameter limit: the most SYNs of either side.
    init?(_ a: PortKnowledge, _ b: PortKnowledge, limit: Int = PunchPolicy.largestBudget) {
        switch (a.ports, b.ports) {
        case (.fixed, .fixed): self.init(.meet, .meet, .meet, 1)
        case (.fixed, .sequential(_, let count, _)):
            // One probe misses only if more other allocations come in between than there are guesses.
            self.init(.predicted, .guess(count: count), .burst(count: 1, at: .known), b.single, first: .a)
        case (.fixed, .random(let range, let count, let isBlock)):
            let share = isBlock ? min(max(range.count / 16, Self.openedOfBlock.lowerBound), Self.openedOfBlock.upperBound) : Self.opened
            let open = min(share, count, limit)
            let guesses = min(isBlock ? Self.guessedOfBlock : Self.guessed, range.count, limit)
            self.init(
                .birthday, .guess(count: guesses), .burst(count: open, at: .known),
                Collision.probability(open: open, guesses: guesses, range: range.count), first: .a)
        case (.sequential(_, let first, _), .sequential(_, let second, _)):
            self.init(.predicted, .burst(count: first, at: .predicted), .burst(count: second, at: .predicted), a.aimed * b.aimed)
        case (.sequential(_, let first, _), .random(let range, let second, isBlock: true)):
            self.init(
                .birthday, .burst(count: first, at: .chosen), .burst(count: second, at: .predicted),
                a.aimed * Collision.crossed(openA: 1, rangeA: 1, openB: second, rangeB: range.count))
        case (.random(let near, let first, isBlock: true), .random(let far, let second, isBlock: true)):
            self.init(
                .birthday, .burst(count: first, at: .chosen), .burst(count: second, at: .chosen),
                Collision.crossed(openA: first, rangeA: near.count, openB: second, rangeB: far.count))
        case (.sequential, .fixed), (.random, .fixed), (.random(_, _, isBlock: true), .sequential):
            guard let mirrored = Traversal(b, a, limit: limit) else { return nil }
            self.init(mirrored.plan.reversed, mirrored.probability)
        case (.unknown, _), (_, .unknown), (.random, .random), (.random, .sequential), (.sequential, .random): return nil
        }
        guard probability >= Self.worthwhile else { return nil }
    }

    private init(_ tier: PunchPlan.Tier, _ a: PunchPlan.Action, _ b: PunchPlan.Action, _ probability: Double, first: PunchPlan.Side? = nil) {
        self.init(PunchPlan(tier, a: a, b: b, first: first), probability)
    }

    private init(_ plan: PunchPlan, _ probability: Double) {
        self.plan = plan
        self.probability = probability
    }
}

/// How much of a side's external ports is known beforehand, and how certain that is.
struct PortKnowledge: Sendable {
    /// How the ports come about.
    let ports: PortForecast.Ports
    /// The probability that a burst owns the port that the other side aims at.
    let aimed: Double
    /// The probability that a single probe gets one of the ports that the other side guesses.
    let single: Double

    /// A local port's own external port may be taken by somebody else: less than one in a hundred is, where a few hundred connections share 64 512 ports.
    static let exact = 0.99

    /// The forecast of a side, which does not tell other hosts' allocations.
    init(_ ports: PortForecast.Ports) { (self.ports, aimed, single) = (ports, 1, 1) }

    /// What follows from a profile. Nil where it does not tell, or where the policy allows no burst.
    init?(_ profile: NATProfile, _ policy: PunchPolicy) {
        guard let keepsEndpoint = profile.keepsEndpoint else { return nil }
        if keepsEndpoint {
            (ports, aimed, single) = (.fixed, 1, 1)
            return
        }
        let (allocation, noise) = (profile.allocation, profile.estimate.noise ?? .supposed)
        let share = allocation.range.map { PortBlockBudget.share(of: $0.count) } ?? 0
        ports = PortForecast.Ports(profile.estimate, within: policy.timeToFire, ofBlock: share, limit: policy.probes)
        switch (ports, AimWindow(noise: noise, time: policy.timeToFire, limit: policy.probes)) {
        case (.unknown, _), (.fixed, _), (.sequential, nil): return nil
        case (.sequential, let window?) where allocation.delta != nil: (aimed, single) = (window.probability, window.probabilityOfSingle)
        case (.sequential, _): (aimed, single) = (Self.exact, Self.exact)
        case (.random, _): (aimed, single) = (1, 1)
        }
    }
}
