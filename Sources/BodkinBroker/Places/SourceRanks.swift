import BodkinCore

/// Sources by the number of connections that each has. Every change takes constant time on average.
struct SourceRanks: Sendable {
    private var levels: [Int: AgeQueue<Account>] = [:]
    private var highest = 0

    /// The source with the most connections; among equals, the one that has had this number for the longest time.
    var first: Account? { levels[highest]?.first }

    /// Notes that a source had `old` connections and has `new`, one more or one fewer.
    mutating func move(_ source: Account, from old: Int, to new: Int) {
        levels[old]?.remove(source)
        if levels[old]?.count == 0 { levels[old] = nil }
        if new > 0 { levels[new, default: AgeQueue()].append(source) }
        if new > highest { highest = new } else if levels[highest] == nil { highest = new }
    }
}
