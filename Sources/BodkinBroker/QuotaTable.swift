package import BodkinCore
package import NIOCore

/// The user whose use is counted.
package enum Account: Hashable, Sendable {
    /// Everybody with the join token of this number.
    case token(Int)
    /// Everybody at this IPv4 address.
    case address(IPAddress)
    /// Everybody in this IPv6 /56.
    case prefix(IPPrefix)

    /// The account of a source address.
    package init(source: IPAddress) {
        self = source.family == .v4 ? .address(source) : .prefix(IPPrefix(source, length: 56))
    }
}

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
        var handshakes: TokenBucket
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
        guard accounts.allSatisfy({ (uses[$0]?[item] ?? 0) < limit(item, $0) }) else { return false }
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
        for (account, use) in copies { uses[account] = use }
        return true
    }

    /// Takes a handshake; false where its account has had too many.
    package mutating func takeHandshake(_ account: Account, now: NIODeadline) -> Bool {
        var use = uses[account] ?? fresh(account, now)
        defer { uses[account] = use }
        return use.handshakes.take(now: now)
    }

    /// Charges all accounts for messages, and says how long until all have paid.
    package mutating func charge(_ cost: Double, _ accounts: [Account], now: NIODeadline) -> TimeAmount {
        var longest = TimeAmount.zero
        for account in accounts {
            if let index = uses.index(forKey: account) {
                uses.values[index].messages.charge(cost, now: now)
                longest = max(longest, uses.values[index].messages.debt(now: now))
            } else {
                var use = fresh(account, now)
                use.messages.charge(cost, now: now)
                uses[account] = use
            }
        }
        return longest
    }

    /// Changes the number of bytes that are kept for all accounts; false, and changes nothing, where more are wanted than one of them or all users may have.
    package mutating func resize(_ old: Int, to new: Int, _ accounts: [Account]) -> Bool {
        let more = new - old
        if more > 0 {
            guard bufferedByteCount + more <= bufferLimit,
                accounts.allSatisfy({ (uses[$0]?.bufferedBytes ?? 0) + more <= quota(of: $0).bufferedBytes })
            else { return false }
        }
        bufferedByteCount += more
        for account in accounts { uses[account]?.bufferedBytes += more }
        return true
    }

    /// Counts relayed bytes, and says how long until all accounts have paid for theirs.
    package mutating func relay(_ count: Int, _ accounts: [Account], now: NIODeadline) -> TimeAmount {
        var longest = TimeAmount.zero
        for account in accounts {
            var use = uses[account] ?? fresh(account, now)
            if count > 0 { use.bytes.charge(Double(count), now: now) }
            longest = max(longest, use.bytes.debt(now: now))
            uses[account] = use
        }
        return longest
    }

    /// Forgets the accounts that have been without a connection for a minute.
    package mutating func forgetIdle(now: NIODeadline) {
        uses = uses.filter { $0.value.connections > 0 || $0.value.bufferedBytes > 0 || now < $0.value.idleSince + .minutes(1) }
    }

    private func quota(of account: Account) -> Quota {
        switch account {
        case .token: quotas.token
        case .address: quotas.address
        case .prefix: quotas.prefix
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
            messages: TokenBucket(rate: quota.messagesPerSecond, burst: 2 * quota.messagesPerSecond, now: now),
            // All connections may come back at once, twice.
            handshakes: TokenBucket(rate: 4 + Double(quota.connections) / 25, burst: 64 + 2 * Double(quota.connections), now: now), idleSince: now)
    }
}
