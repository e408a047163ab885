import BodkinBroker
import BodkinCore

/// Counts what is open in all and from each IPv4 address or IPv6 /56.
struct SourceCounter {
    private let limit: Int
    private let perSource: Int
    private var total = 0
    private var counts: [Account: Int] = [:]

    init(limit: Int, perSource: Int) {
        self.limit = limit
        self.perSource = perSource
    }

    /// Counts one more; false where there is no room.
    mutating func take(_ source: IPAddress) -> Bool {
        let account = Account(source: source)
        guard total < limit, counts[account, default: 0] < perSource else { return false }
        total += 1
        counts[account, default: 0] += 1
        return true
    }

    /// Counts one less.
    mutating func release(_ source: IPAddress) {
        let account = Account(source: source)
        guard let count = counts[account] else { return }
        total -= 1
        counts[account] = count > 1 ? count - 1 : nil
    }
}
