/// How much of a side's external port is known beforehand.
enum Reach: Sendable {
    /// It is what a server sees.
    case known
    /// It follows from the local port, of which a fresh one is needed.
    case exact
    /// It is one of the next, as this window has it.
    case counting(AimWindow, isConsecutive: Bool)
    /// It is one of so many, of which this side may open so many.
    case drawing(count: Int, share: Int)

    /// Nil where the profile does not tell, or where the policy does not allow a burst.
    init?(_ profile: NATProfile, _ policy: PunchPolicy) {
        switch (profile.keepsEndpoint, profile.allocation) {
        case (nil, _), (false, .unknown), (false, .equal): return nil
        case (true, _): self = .known
        case (false, .preserving): self = .exact
        case (false, .sequential), (false, .dependent):
            let noise = profile.estimate.noise ?? .supposed
            guard let window = AimWindow(noise: noise, time: policy.timeToFire, limit: policy.probes) else { return nil }
            var isConsecutive = false
            if case .dependent = profile.allocation { isConsecutive = true }
            self = .counting(window, isConsecutive: isConsecutive)
        case (false, .random(let range)): self = .drawing(count: range.count, share: policy.probes)
        case (false, .block(let range)):
            self = .drawing(count: range.count, share: min(policy.probes, policy.mayFillBlock ? range.count : BlockShare.share(of: range.count)))
        }
    }
}

/// What two sides can do, and how probable it makes a connection.
struct Offer: Sendable {
    var plan: PunchPlan
    var probability: Double

    /// A local port's own external port may be taken by somebody else: less than one in a hundred is, where a few hundred connections share 64 512 ports.
    static let exact = 0.99
    /// A goal beyond which more guesses only cost.
    static let enough = 0.9999
    /// A random side opens at most so many, and leaves the guesses to the other, whose one external port they cost nothing.
    static let mostOpen = 512

    init(_ tier: PunchPlan.Tier, _ a: PunchPlan.Action, _ b: PunchPlan.Action, _ probability: Double) {
        plan = PunchPlan(tier, a: a, b: b)
        self.probability = probability
    }

    /// The same, seen from the other side.
    var reversed: Offer { Offer(plan.tier, plan.b, plan.a, probability) }

    init(_ a: Reach, _ b: Reach, _ policy: PunchPolicy) {
        switch (a, b) {
        case (.known, .known): self.init(.meet, .meet, .meet, 1)
        case (.known, .exact): self.init(.predicted, .guess(count: 1), .burst(count: 1, at: .known, isConsecutive: false), Self.exact)
        case (.known, .counting(let window, let isConsecutive)):
            // One probe from the counting side: it misses only where more strangers come in than there are guesses.
            self.init(
                .predicted, .guess(count: window.count), .burst(count: 1, at: .known, isConsecutive: isConsecutive),
                window.probabilityOfSingle)
        case (.known, .drawing(let count, let share)):
            let open = min(Self.mostOpen, share, max(16, count / 8))
            let guesses = Collision.guesses(open: open, range: count, goal: Self.enough, limit: policy.probes)
            self.init(
                .birthday, .guess(count: guesses), .burst(count: open, at: .known, isConsecutive: false),
                Collision.probability(open: open, guesses: guesses, range: count))
        case (.exact, .known), (.counting, .known), (.drawing, .known), (.counting, .exact), (.drawing, .exact), (.drawing, .counting):
            self = Offer(b, a, policy).reversed
        case (.exact, .exact):
            let one = PunchPlan.Action.burst(count: 1, at: .known, isConsecutive: false)
            self.init(.predicted, one, one, Self.exact * Self.exact)
        case (.exact, .counting(let window, let isConsecutive)):
            self.init(
                .predicted, .burst(count: 1, at: .predicted, isConsecutive: false),
                .burst(count: window.count, at: .known, isConsecutive: isConsecutive), Self.exact * window.probability)
        case (.counting(let first, let isFirst), .counting(let second, let isSecond)):
            self.init(
                .predicted, .burst(count: first.count, at: .predicted, isConsecutive: isFirst),
                .burst(count: second.count, at: .predicted, isConsecutive: isSecond), first.probability * second.probability)
        case (.exact, .drawing(let count, let share)):
            self.init(
                .birthday, .burst(count: 1, at: .chosen, isConsecutive: false), .burst(count: share, at: .known, isConsecutive: false),
                Self.exact * Collision.crossed(openA: 1, rangeA: 1, openB: share, rangeB: count))
        case (.counting(let window, let isConsecutive), .drawing(let count, let share)):
            self.init(
                .birthday, .burst(count: window.count, at: .chosen, isConsecutive: isConsecutive),
                .burst(count: share, at: .predicted, isConsecutive: false),
                window.probability * Collision.crossed(openA: 1, rangeA: 1, openB: share, rangeB: count))
        case (.drawing(let countA, let shareA), .drawing(let countB, let shareB)):
            self.init(
                .birthday, .burst(count: shareA, at: .chosen, isConsecutive: false), .burst(count: shareB, at: .chosen, isConsecutive: false),
                Collision.crossed(openA: shareA, rangeA: countA, openB: shareB, rangeB: countB))
        }
    }
}
