package import NIOCore

/// Counts what each account uses. Pure; time is a parameter.
///
/// An account is forgotten a minute after its last connection, when its buckets are full again: reconnecting gains nothing.
package struct QuotaTable: Sendable {
    /// What is counted as long as it lasts.
    package enum Item: Sendable {
        /// A connection.
        case connection
        /// A registration.
        case registration
        /// A circuit.
        case circuit
        /// A dial that waits.
        case pendingDial
    }

    private struct Use {
        var connections = 0
        var registrations = 0
        var circuits = 0
        var pendingDials = 0
        var dials: TokenBucket
        var bytes: TokenBucket
        var messages: TokenBucket
        var bufferedBytes = 0
        var idleSince: NIODeadline

        subscript(item: Item) -> Int {
            get {
                switch item {
                case .connection: connections
                case .registration: registrations
                case .circuit: circuits
                case .pendingDial: pendingDials
                }
            }
            set {
                switch item {
                case .connection: connections = newValue
                case .registration: registrations = newValue
                case .circuit: circuits = newValue
                case .pendingDial: pendingDials = newValue
                }
            }
        }
    }

    /// What part of the rest of its token's a source may have.
    private static let shareDivisor = 32
    private let quotas: Quotas
    /// The most bytes that all together may have the server keep, and how many there are.
    private let bufferLimit: Int
    package private(set) var bufferedByteCount = 0
    private var uses: [Account: Use] = [:]

    /// An empty table.
    package init(_ quotas: Quotas, bufferLimit: Int = .max) {
        self.quotas = quotas
        self.bufferLimit = bufferLimit
    }

    /// How many accounts are known.
    package var count: Int { uses.count }

    /// Takes one of `item` for all of `accounts`, or none for any.
    package mutating func take(_ item: Item, _ accounts: [Account], now: NIODeadline) -> Bool {
        guard accounts.allSatisfy({ (uses[$0]?[item] ?? 0) < limit(item, $0) }), hasShare(of: item, accounts) else { return false }
        for account in accounts {
            var use = uses[account] ?? fresh(account, now)
            use[item] += 1
            uses[account] = use
        }
        return true
    }

    /// Gives one of `item` back.
    package mutating func release(_ item: Item, _ accounts: [Account], now: NIODeadline) {
        for account in accounts {
            guard var use = uses[account], use[item] > 0 else { continue }
            use[item] -= 1
            if use.connections == 0 { use.idleSince = now }
            uses[account] = use
        }
    }

    /// Takes a dial from all accounts, or from none.
    package mutating func takeDial(_ accounts: [Account], now: NIODeadline) -> Bool {
        var copies: [(Account, Use)] = []
        for account in accounts {
            var use = uses[account] ?? fresh(account, now)
            guard use.dials.take(now: now) else { return false }
            copies.append((account, use))
        }
        // A source that has dialed much lately leaves the rest of its token's dials to the others.
        if isShared(accounts, by: { $0.dialBurst }) {
            let level = copies[0].1.dials.level(now: now)
            let used = copies[1].1.dials.deficit(now: now)
            guard level >= copies[0].1.dials.burst / 2 || Double(Self.shareDivisor) * (used - 1) <= level else { return false }
        }
        for (account, use) in copies { uses[account] = use }
        return true
    }

    /// Charges all accounts for messages, and says how long until all have paid.
    package mutating func charge(_ cost: Double, _ accounts: [Account], now: NIODeadline) -> TimeAmount {
        var longest = TimeAmount.zero
        let isShared = isShared(accounts) { $0.messagesPerSecond }
        for (number, account) in accounts.enumerated() {
            if let index = uses.index(forKey: account) {
                uses.values[index].messages.charge(cost, now: now)
                if number > 0 || !isShared { longest = max(longest, uses.values[index].messages.debt(now: now)) }
            } else {
                var use = fresh(account, now)
                use.messages.charge(cost, now: now)
                uses[account] = use
            }
        }
        guard isShared, var token = uses[accounts[0]]?.messages, var source = uses[accounts[1]]?.messages else { return longest }
        return max(longest, Self.wait(for: &token, &source, now: now))
    }

    /// Changes the number of bytes that are kept for all accounts; false, and changes nothing, where more are wanted than one of them or all users may have.
    package mutating func resize(_ old: Int, to new: Int, _ accounts: [Account]) -> Bool {
        let more = new - old
        if more > 0 {
            guard bufferedByteCount + more <= bufferLimit,
                accounts.allSatisfy({ (uses[$0]?.bufferedBytes ?? 0) + more <= quota(of: $0).bufferedBytes })
            else { return false }
            if isShared(accounts, by: { Double($0.bufferedBytes) }) {
                let (all, used) = (quota(of: accounts[0]).bufferedBytes, uses[accounts[0]]?.bufferedBytes ?? 0)
                guard used + more <= all / 2 || (uses[accounts[1]]?.bufferedBytes ?? 0) + more <= (all - used) / 8 else { return false }
            }
        }
        bufferedByteCount += more
        for account in accounts { uses[account]?.bufferedBytes += more }
        return true
    }

    /// Counts relayed bytes, and says how long until all accounts have paid for theirs.
    package mutating func relay(_ count: Int, _ accounts: [Account], now: NIODeadline) -> TimeAmount {
        var longest = TimeAmount.zero
        let isShared = isShared(accounts) { $0.relayedBytesPerSecond }
        for (index, account) in accounts.enumerated() {
            var use = uses[account] ?? fresh(account, now)
            if count > 0 { use.bytes.charge(Double(count), now: now) }
            uses[account] = use
            guard index > 0 || !isShared else { continue }
            longest = max(longest, use.bytes.debt(now: now))
        }
        guard isShared, var token = uses[accounts[0]]?.bytes, var source = uses[accounts[1]]?.bytes else { return longest }
        return max(longest, Self.wait(for: &token, &source, now: now))
    }

    /// Whether the first of these accounts is a token that several sources share, of which the second is one. If one source may have all of the token's, nothing is shared.
    private func isShared(_ accounts: [Account], by part: (Quota) -> Double) -> Bool {
        guard accounts.count > 1, case .token = accounts[0] else { return false }
        return part(quota(of: accounts[1])) < part(quota(of: accounts[0]))
    }

    /// Whether a source may have one more beside the others that share its token. If half is taken, a source may have a 32nd of what is left, so a hundred leave some for others
    /// (dynamic thresholds, Choudhury and Hahne, 1998).
    private func hasShare(of item: Item, _ accounts: [Account]) -> Bool {
        guard accounts.count > 1, case .token = accounts[0], limit(item, accounts[1]) < limit(item, accounts[0]) else { return true }
        let (all, used) = (limit(item, accounts[0]), uses[accounts[0]]?[item] ?? 0)
        return used < all / 2 || Self.shareDivisor * (uses[accounts[1]]?[item] ?? 0) < all - used
    }

    /// How long a source waits for its token: until more is left there than the source has used lately. One that has used little does not wait for the others.
    private static func wait(for token: inout TokenBucket, _ source: inout TokenBucket, now: NIODeadline) -> TimeAmount {
        let used = source.deficit(now: now)
        guard used > source.burst / 32 else { return .zero }
        return token.delay(until: min(used, token.burst / 2), now: now)
    }

    /// Forgets the accounts that have been without a connection for a minute.
    package mutating func forgetIdle(now: NIODeadline) {
        uses = uses.filter { $0.value.connections > 0 || $0.value.bufferedBytes > 0 || now < $0.value.idleSince + .minutes(1) }
    }

    /// How many bytes are kept for an account at most.
    func memory(of account: Account) -> Int { quota(of: account).bufferedBytes }

    private func quota(of account: Account) -> Quota {
        switch account {
        case .token: quotas.token
        case .address: quotas.address
        case .prefix: quotas.prefix.times(account.width)
        }
    }

    private func limit(_ item: Item, _ account: Account) -> Int {
        let quota = quota(of: account)
        switch item {
        case .connection: return quota.connections
        case .registration: return quota.registrations
        case .circuit: return quota.circuits
        case .pendingDial: return quota.pendingDials
        }
    }

    private func fresh(_ account: Account, _ now: NIODeadline) -> Use {
        let quota = quota(of: account)
        return Use(
            dials: TokenBucket(rate: quota.dialsPerSecond, burst: quota.dialBurst, now: now),
            // A second's worth at once.
            bytes: TokenBucket(rate: quota.relayedBytesPerSecond, burst: quota.relayedBytesPerSecond, now: now),
            messages: TokenBucket(rate: quota.messagesPerSecond, burst: 2 * quota.messagesPerSecond, now: now), idleSince: now)
    }
}
