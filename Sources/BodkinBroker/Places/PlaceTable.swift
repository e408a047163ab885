package import BodkinCore
package import NIOCore

/// The place of a connection at a server.
package struct PlaceID: Hashable, Sendable {
    /// Its number; none is used twice.
    package let number: UInt64

    /// A place from its number.
    package init(_ number: UInt64) { self.number = number }
}

/// Who has a place at a server, and who makes room for whom. Pure; time is a parameter.
///
/// ```
///  enter ──▶ unauthenticated ── authenticate ──▶ authenticated
///   │            │     ▲─────────── demote ──────────┘   │
/// no rate     oldest of its source,                    leave
///             oldest of the largest
///             source, squatter
/// ```
/// Connections that have not authenticated themselves have few places. If its source has its share, its oldest connection goes. If all places are taken,
/// the source with the most loses its oldest, so sources with many connections cannot crowd out a source with one. They never take the place of an authenticated
/// connection. Everything is counted when it is decided, not when the system has closed a socket.
package struct PlaceTable: Sendable {
    private struct Place {
        let kind: PlaceLimits.Kind
        let accounts: [Account]
        var since: NIODeadline
        var isAuthenticated = false
    }

    private struct Group: Hashable {
        let kind: PlaceLimits.Kind
        let account: Account
    }

    private let limits: PlaceLimits
    private var rates: RateTable<Account>
    private var places: [PlaceID: Place] = [:]
    private var unauthenticated: [PlaceLimits.Kind: AgeQueue<PlaceID>] = [:]
    private var groups: [Group: AgeQueue<PlaceID>] = [:]
    private var ranks: [PlaceLimits.Kind: SourceRanks] = [:]
    private var authenticated: [PlaceLimits.Kind: Int] = [:]
    private var authenticatedGroups: [Group: Int] = [:]
    private var number: UInt64 = 0

    /// An empty table.
    package init(_ limits: PlaceLimits) {
        self.limits = limits
        rates = RateTable(rate: limits.connectRate, burst: limits.connectBurst)
    }

    /// The connections of a kind.
    package func count(_ kind: PlaceLimits.Kind, isAuthenticated: Bool) -> Int {
        isAuthenticated ? authenticated[kind] ?? 0 : unauthenticated[kind]?.count ?? 0
    }

    /// A new connection; nil where its source has had too many lately. Those that go for it are added to `evicted`.
    package mutating func enter(_ kind: PlaceLimits.Kind, source: IPAddress, now: NIODeadline, evicted: inout [PlaceID]) -> PlaceID? {
        let accounts = Account.all(of: source)
        guard kind != .rendezvous || rates.take(accounts, now: now) else { return nil }
        guard limits[kind].unauthenticated > 0 else { return nil }
        number += 1
        let id = PlaceID(number)
        places[id] = Place(kind: kind, accounts: accounts, since: now)
        admit(id, kind, accounts, now: now, &evicted)
        return id
    }

    /// The connection has authenticated itself; false where there is no place for it among those that have.
    package mutating func authenticate(_ id: PlaceID) -> Bool {
        guard let place = places[id] else { return false }
        guard !place.isAuthenticated else { return true }
        let share = limits[place.kind]
        let all = authenticated.values.reduce(0, +)
        // Two thirds at most for STUN: a peer without a registration has no use for it.
        let isFree = all < limits.authenticated && (place.kind == .rendezvous || count(.stun, isAuthenticated: true) < limits.authenticated / 3 * 2)
        let hasShare = place.accounts.allSatisfy { account in
            authenticatedGroups[Group(kind: place.kind, account: account)] ?? 0 < share.authenticatedPerSource.times(account.width)
        }
        guard isFree, hasShare, count(place.kind, isAuthenticated: true) < share.authenticated else { return false }
        withdraw(id, place)
        places[id]?.isAuthenticated = true
        authenticated[place.kind, default: 0] += 1
        for account in place.accounts { authenticatedGroups[Group(kind: place.kind, account: account), default: 0] += 1 }
        return true
    }

    /// What the connection has proved holds no more.
    package mutating func demote(_ id: PlaceID, now: NIODeadline, evicted: inout [PlaceID]) {
        guard let place = places[id], place.isAuthenticated else { return }
        release(place)
        places[id]?.isAuthenticated = false
        places[id]?.since = now
        admit(id, place.kind, place.accounts, now: now, &evicted)
    }

    /// The connection has ended.
    package mutating func leave(_ id: PlaceID) {
        guard let place = places.removeValue(forKey: id) else { return }
        if place.isAuthenticated { release(place) } else { withdraw(id, place) }
    }

    /// Makes room among the unauthenticated, and adds one of them.
    private mutating func admit(_ id: PlaceID, _ kind: PlaceLimits.Kind, _ accounts: [Account], now: NIODeadline, _ evicted: inout [PlaceID]) {
        let share = limits[kind]
        for account in accounts where count(kind, account) >= share.unauthenticatedPerSource.times(account.unauthenticatedWidth) {
            evict(groups[Group(kind: kind, account: account)]?.first, &evicted)
        }
        if count(kind, isAuthenticated: false) >= share.unauthenticated, let source = ranks[kind]?.first {
            evict(groups[Group(kind: kind, account: source)]?.first, &evicted)
        }
        while kind == .stun, count(kind, isAuthenticated: false) >= share.unauthenticated / 2, let oldest = unauthenticated[kind]?.first,
            let since = places[oldest]?.since, now - since > .nanoseconds(limits.squattingTime)
        {
            evict(oldest, &evicted)
        }
        unauthenticated[kind, default: AgeQueue()].append(id)
        for account in accounts { groups[Group(kind: kind, account: account), default: AgeQueue()].append(id) }
        let held = count(kind, accounts[0])
        ranks[kind, default: SourceRanks()].move(accounts[0], from: held - 1, to: held)
    }

    /// The unauthenticated connections of a source.
    private func count(_ kind: PlaceLimits.Kind, _ account: Account) -> Int { groups[Group(kind: kind, account: account)]?.count ?? 0 }

    private mutating func evict(_ id: PlaceID?, _ evicted: inout [PlaceID]) {
        guard let id else { return }
        leave(id)
        evicted.append(id)
    }

    private mutating func withdraw(_ id: PlaceID, _ place: Place) {
        unauthenticated[place.kind]?.remove(id)
        let held = count(place.kind, place.accounts[0])
        ranks[place.kind]?.move(place.accounts[0], from: held, to: held - 1)
        for account in place.accounts {
            let group = Group(kind: place.kind, account: account)
            groups[group]?.remove(id)
            if groups[group]?.count == 0 { groups[group] = nil }
        }
    }

    private mutating func release(_ place: Place) {
        authenticated[place.kind, default: 1] -= 1
        for account in place.accounts {
            let group = Group(kind: place.kind, account: account)
            let rest = (authenticatedGroups[group] ?? 1) - 1
            authenticatedGroups[group] = rest > 0 ? rest : nil
        }
    }
}

extension Int {
    /// The product, or the largest number.
    func times(_ factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
