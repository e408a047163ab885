/// What both sides do in one round.
package struct PunchPlan: Hashable, Sendable {
    /// How much has to be known or spent.
    package enum Tier: Int, Hashable, Sendable, Comparable, CaseIterable {
        /// One SYN per candidate from the reserved port, at the same instant.
        case meet = 1
        /// The allocators are sampled, and the next ports aimed at.
        case predicted = 2
        /// Many ports, of which two happen to match.
        case birthday = 3

        /// The cheaper before the dearer.
        package static func < (left: Tier, right: Tier) -> Bool { left.rawValue < right.rawValue }
    }

    /// Which of the remote side's external ports a burst is sent to.
    package enum Target: Hashable, Sendable {
        /// The one that a server sees, or that follows from a local port.
        case known
        /// The one that the remote side's allocator will give to the probe of the index that both agree on.
        case predicted
        /// One of the remote side's block, any.
        case chosen
    }

    /// What one side does.
    package enum Action: Hashable, Sendable {
        /// One SYN from the reserved port to what the server sees of the remote side.
        case meet
        /// From that many fresh, consecutive local ports to one port of the remote side.
        case burst(count: Int, at: Target)
        /// From the reserved port to that many ports that the remote side may have.
        case guess(count: Int)

        /// How many SYNs.
        package var count: Int {
            switch self {
            case .meet: 1
            case .burst(let count, _), .guess(let count): count
            }
        }
    }

    /// Which side fires first, where they do not fire at the same instant.
    package enum Side: Hashable, Sendable {
        /// The first of the two.
        case a
        /// The second of the two.
        case b
    }

    /// The tier.
    package var tier: Tier
    /// What the first of the two sides does.
    package var a: Action
    /// What the second does.
    package var b: Action
    /// The side that has fired everything in the first round before the other begins: the one that guesses, because its NAT may answer an early SYN by an RST, or by
    /// an ICMP error. The second round has the other order. Nil: both at one instant.
    package var first: Side?

    /// A plan from its parts.
    package init(_ tier: Tier, a: Action, b: Action, first: Side? = nil) {
        self.tier = tier
        self.a = a
        self.b = b
        self.first = first
    }

    /// The most SYNs that either side has half-open.
    package var probes: Int { max(a.count, b.count) }

    /// How many such rounds there are at most. Ports of a subscriber's block that one round used are missing in the next, because NATs keep the mapping of an unanswered SYN for minutes.
    package var rounds: Int {
        [a, b].contains { if case .burst(_, at: .chosen) = $0 { true } else { false } } ? 1 : 2
    }

    /// The same, seen from the other side.
    package var reversed: PunchPlan { PunchPlan(tier, a: b, b: a, first: first.map { $0 == .a ? .b : .a }) }
}
