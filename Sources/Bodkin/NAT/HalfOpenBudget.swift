import BodkinCore
import BodkinPrediction

/// The half-open connections of a peer: one limit over all dials, because home routers have died of more.
///
/// ```
///             room                            answered, refused, or given up
///  wanted ───────────▶ granted, half-open ────────────────────────────────────▶ released
///    │ ▲ no room: waits its turn
///    │ └──┘
///    └── no other dial holds what could make room: denied
/// ```
/// A search never takes the whole budget: a part stays free for the Meets of other dials. Searches share the rest, and Meets take turns.
struct HalfOpenBudget {
    /// The purpose of a half-open connection.
    enum Use: Hashable, CaseIterable {
        /// One SYN to a candidate of a remote peer.
        case meet
        /// One of many SYNs to predicted ports.
        case search
    }

    /// An event that the driver reports.
    enum Input {
        /// A dial wants to open so many connections.
        case wanted(AttemptID, Use, count: Int)
        /// One of a dial's connections is half-open no more.
        case released(AttemptID, Use)
        /// A dial wants no more of them, except for what it has open.
        case withdrawn(AttemptID, Use)
        /// The system has refused a socket, because the process or the system has no descriptor left.
        case descriptorsExhausted
    }

    /// A thing that the driver is to do.
    enum Action: Hashable {
        /// Open so many connections for a dial.
        case grant(AttemptID, Use, count: Int)
        /// Tell a dial that so many of those that it wants will not be opened.
        case deny(AttemptID, Use, count: Int)
    }

    /// The most half-open connections of a peer.
    static let largestLimit = PunchPolicy.largestBudget
    /// The part that searches leave free.
    static let reserve = PunchPolicy.reserve
    /// The most that are for Meets.
    static let meetLimit = 512
    /// Fewer than this are always allowed.
    private static let smallestLimit = 16
    /// The descriptors that a process needs for everything else.
    private static let otherDescriptors = 256

    /// A dial that waits for room.
    private struct Waiting {
        let dial: AttemptID
        let use: Use
        var count: Int
    }

    private let initialLimit: Int
    private var limit: Int
    private var open: [Use: [AttemptID: Int]] = [.meet: [:], .search: [:]]
    private var waiting: [Waiting] = []
    private var actions: [Action] = []

    /// A budget of a process that may have so many descriptors.
    init(descriptors: Int = .max) {
        initialLimit = max(Self.smallestLimit, min(Self.largestLimit, descriptors - Self.otherDescriptors))
        limit = initialLimit
    }

    /// Takes an input.
    mutating func handle(_ input: Input) {
        switch input {
        case .wanted(let dial, let use, let count):
            guard count > 0 else { return }
            if let index = waiting.firstIndex(where: { $0.dial == dial && $0.use == use }) {
                waiting[index].count += count
            } else {
                waiting.append(Waiting(dial: dial, use: use, count: count))
            }
        case .released(let dial, let use):
            guard let count = open[use]?[dial] else { return }
            open[use]?[dial] = count > 1 ? count - 1 : nil
            if total == 0 { limit = initialLimit }
        case .withdrawn(let dial, let use): waiting.removeAll { $0.dial == dial && $0.use == use }
        case .descriptorsExhausted: limit = max(Self.smallestLimit, min(limit, total))
        }
        serve()
    }

    /// The next thing to do; nil when nothing is left.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// How many connections are half-open for a use.
    func count(_ use: Use) -> Int { open[use]?.values.reduce(0, +) ?? 0 }

    private var total: Int { count(.meet) + count(.search) }
    private var searchLimit: Int { limit - min(Self.reserve, limit / 4) }

    private mutating func serve() {
        // Each dial's Meet one at a time, so that the many SYNs of one leave room for the first of another.
        while count(.meet) < Self.meetLimit, total < limit, let index = waiting.firstIndex(where: { $0.use == .meet }) {
            var next = waiting.remove(at: index)
            grant(next, count: 1)
            next.count -= 1
            if next.count > 0 { waiting.append(next) }
        }
        while serveSearch() {}
        denyHopeless()
    }

    /// Grants one search what is its share. Whether there was anything to grant.
    private mutating func serveSearch() -> Bool {
        let room = min(searchLimit - count(.search), limit - total)
        let searches = waiting.indices.filter { waiting[$0].use == .search }
        guard room > 0, let first = searches.first else { return false }
        // Where several wait, none takes more than its share while another has less.
        let share = searchLimit / Set(searches.map { waiting[$0].dial }).union((open[.search] ?? [:]).keys).count
        func held(_ index: Int) -> Int { open[.search]?[waiting[index].dial] ?? 0 }
        let index = searches.min { held($0) < held($1) } ?? first
        let isAlone = searches.count == 1
        let count = min(waiting[index].count, room, isAlone ? room : max(1, share - held(index)))
        grant(waiting[index], count: count)
        waiting[index].count -= count
        if waiting[index].count == 0 { waiting.remove(at: index) }
        return true
    }

    /// A search that waits for nothing but its own connections waits in vain: they are half-open until it is over.
    private mutating func denyHopeless() {
        let searches = waiting.filter { $0.use == .search }
        guard let next = searches.first, searches.count == 1, (open[.search] ?? [:]).keys.allSatisfy({ $0 == next.dial }) else { return }
        waiting.removeAll { $0.use == .search }
        actions.append(.deny(next.dial, next.use, count: next.count))
    }

    private mutating func grant(_ next: Waiting, count: Int) {
        open[next.use]?[next.dial, default: 0] += count
        actions.append(.grant(next.dial, next.use, count: count))
    }
}
