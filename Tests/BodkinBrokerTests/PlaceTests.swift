import BodkinBroker
import BodkinCore
import NIOCore
import Testing

@Suite("Places of connections at a server")
struct PlaceTests {
    private let now = NIODeadline.uptimeNanoseconds(5_000_000_000)

    /// Where ten thousand connections of one turn come from.
    enum Crowd: String, CaseIterable, Sendable {
        case oneAddress, manyAddresses, oneSite, oneTunnel, oneProvider, manyProviders

        func source(_ number: UInt64) -> IPAddress {
            switch self {
            case .oneAddress: IPAddress(v4: 0xC000_0201)
            case .manyAddresses: IPAddress(v4: 0x0B00_0000 + UInt32(number))
            case .oneSite: IPAddress(v6High: 0x2001_0DB8_0000_0000, low: number)
            case .oneTunnel: IPAddress(v6High: 0x2001_0DB8_0000_0000 | (number & 0xFF) << 8, low: number)
            case .oneProvider: IPAddress(v6High: 0x2001_0DB8_0000_0000 | number << 16, low: number)
            case .manyProviders: IPAddress(v6High: 0x2001_0000_0000_0000 + number << 32, low: number)
            }
        }

        /// How many sources' share they have.
        func limit(_ share: PlaceLimits.Share) -> Int {
            let factor =
                switch self {
                case .oneAddress, .oneSite: 1
                case .oneTunnel: 2
                case .oneProvider: 4
                case .manyAddresses, .manyProviders: Int.max / share.unauthenticatedPerSource
                }
            return min(share.unauthenticated, share.unauthenticatedPerSource * factor)
        }
    }

    private static func limits() -> PlaceLimits {
        var limits = PlaceLimits()
        (limits.connectRate, limits.connectBurst) = (1e9, 1e9)
        limits.rendezvous = .init(authenticated: 50, authenticatedPerSource: .max, unauthenticated: 1_000, unauthenticatedPerSource: 100)
        limits.stun = .init(authenticated: 50, authenticatedPerSource: 40, unauthenticated: 1_000, unauthenticatedPerSource: 100)
        return limits
    }

    @Test(
        "ten thousand in one turn take no more than their share, the newest is in, and nobody who is authenticated goes",
        arguments: PlaceLimits.Kind.allCases, Crowd.allCases)
    func burst(_ kind: PlaceLimits.Kind, _ crowd: Crowd) throws {
        var table = PlaceTable(Self.limits())
        var evicted: [PlaceID] = []
        let user = try #require(table.enter(kind, source: crowd.source(0), now: now, evicted: &evicted))
        let isIn = table.authenticate(user)
        #expect(isIn)
        var open: Set<PlaceID> = []
        var most = 0
        for number in 0..<10_000 as Range<UInt64> {
            open.insert(try #require(table.enter(kind, source: crowd.source(number), now: now, evicted: &evicted)))
            open.subtract(evicted)
            most = max(most, table.count(kind, isAuthenticated: false))
            #expect(table.count(kind, isAuthenticated: false) == open.count)
        }
        #expect(most == crowd.limit(Self.limits()[kind]))
        #expect(!evicted.contains(user) && table.count(kind, isAuthenticated: true) == 1)
        let newest = try #require(table.enter(kind, source: IPAddress(v4: 9), now: now, evicted: &evicted))
        let isNewestIn = table.authenticate(newest)
        #expect(isNewestIn)
        for id in open { table.leave(id) }
        #expect(table.count(kind, isAuthenticated: false) == 0)
    }

    @Test("a source that is full loses its own oldest, and nobody else's")
    func ownOldest() throws {
        var table = PlaceTable(Self.limits())
        var evicted: [PlaceID] = []
        let other = try #require(table.enter(.rendezvous, source: IPAddress(v4: 1), now: now, evicted: &evicted))
        let ids = (0..<105).map { _ in table.enter(.rendezvous, source: IPAddress(v4: 2), now: now, evicted: &evicted) }
        #expect(evicted == ids.prefix(5).compactMap { $0 } && !evicted.contains(other))
    }

    @Test("a source with one connection keeps its place while others open ten thousand", arguments: PlaceLimits.Kind.allCases, [2, 10, 99, 900])
    func largestSource(_ kind: PlaceLimits.Kind, _ attackers: UInt32) throws {
        var table = PlaceTable(Self.limits())
        var evicted: [PlaceID] = []
        let honest = try #require(table.enter(kind, source: IPAddress(v4: 1), now: now, evicted: &evicted))
        for number in 0..<10_000 as Range<UInt32> {
            _ = table.enter(kind, source: IPAddress(v4: 100 + number % attackers), now: now, evicted: &evicted)
        }
        #expect(!evicted.contains(honest) && table.count(kind, isAuthenticated: false) <= 1_000)
        table.leave(honest)
        let next = try #require(table.enter(kind, source: IPAddress(v4: 2), now: now, evicted: &evicted))
        _ = table.enter(kind, source: IPAddress(v4: 100), now: now, evicted: &evicted)
        let isIn = table.authenticate(next)
        #expect(isIn)
    }

    @Test("those who are authenticated have limits of their own: in all, of one source for STUN, and by the process's descriptors")
    func authenticated() throws {
        func count(_ kind: PlaceLimits.Kind, _ limits: PlaceLimits, _ source: (UInt32) -> IPAddress) throws -> Int {
            var table = PlaceTable(limits)
            var evicted: [PlaceID] = []
            return try (0..<10_000 as Range<UInt32>).count {
                table.authenticate(try #require(table.enter(kind, source: source($0), now: now, evicted: &evicted)))
            }
        }
        #expect(try count(.rendezvous, Self.limits()) { IPAddress(v4: $0) } == 50)
        #expect(try count(.stun, Self.limits()) { _ in IPAddress(v4: 1) } == 40)
        var small = PlaceLimits()
        (small.connectRate, small.connectBurst) = (1e9, 1e9)
        small.fit(1_024)
        #expect(small.rendezvous.unauthenticated == 96 && small.stun.unauthenticated == 96 && small.authenticated == 528)
        #expect(try count(.rendezvous, small) { IPAddress(v4: $0) } == 528)
        #expect(try count(.stun, small) { IPAddress(v4: $0) } == 352)
    }

    @Test("every place fits into the descriptors, whatever there are", arguments: [1, 64, 1_024, 20_000, 1 << 20, Int.max])
    func descriptors(_ count: Int) {
        var limits = PlaceLimits()
        limits.fit(count)
        let all = limits.rendezvous.unauthenticated + limits.stun.unauthenticated + limits.closing + limits.authenticated
        #expect(all <= max(count, 4) && limits.authenticated > 0 && limits.rendezvous.unauthenticated > 0)
    }

    @Test("a server with 64 descriptors has room for eleven peers of two connections, whatever event loops it has", arguments: [0, 13, 17])
    func few(_ used: Int) {
        var limits = PlaceLimits()
        limits.fit(64, used: used)
        let all = limits.rendezvous.unauthenticated + limits.stun.unauthenticated + limits.closing + limits.authenticated
        #expect(limits.authenticated >= 22 && all + used + 14 <= 64)
    }

    @Test("a connection to a STUN port that proves nothing goes after ten seconds where half of the places are taken, and not before")
    func squatter() throws {
        var table = PlaceTable(Self.limits())
        var evicted: [PlaceID] = []
        for number in 0..<500 as Range<UInt32> { _ = table.enter(.stun, source: IPAddress(v4: number), now: now, evicted: &evicted) }
        _ = table.enter(.stun, source: IPAddress(v4: 1_000), now: now + .seconds(10), evicted: &evicted)
        #expect(evicted.isEmpty)
        _ = table.enter(.stun, source: IPAddress(v4: 1_001), now: now + .seconds(11), evicted: &evicted)
        #expect(evicted.count == 2)
    }

    @Test("what holds no more takes a place among the unauthenticated again, as their newest")
    func demotion() throws {
        var table = PlaceTable(Self.limits())
        var evicted: [PlaceID] = []
        let id = try #require(table.enter(.stun, source: IPAddress(v4: 1), now: now, evicted: &evicted))
        _ = table.authenticate(id)
        for number in 0..<1_000 as Range<UInt32> { _ = table.enter(.stun, source: IPAddress(v4: 100 + number), now: now, evicted: &evicted) }
        table.demote(id, now: now, evicted: &evicted)
        #expect(evicted.count == 1 && evicted.first != id)
        #expect(table.count(.stun, isAuthenticated: true) == 0 && table.count(.stun, isAuthenticated: false) == 1_000)
    }

    @Test(
        "new connections have a rate of their source; a /48 has four times that, a /32 sixteen times, and others are not touched",
        arguments: [(Crowd.oneAddress, 100), (.oneSite, 100), (.oneTunnel, 400), (.oneProvider, 1_600)])
    func rates(_ crowd: Crowd, _ count: Int) {
        var limits = PlaceLimits()
        (limits.connectRate, limits.connectBurst) = (10, 100)
        var table = PlaceTable(limits)
        var evicted: [PlaceID] = []
        func admitted(_ table: inout PlaceTable, _ now: NIODeadline) -> Int {
            (0..<10_000 as Range<UInt64>).count { number in
                let id = table.enter(.rendezvous, source: crowd.source(number), now: now, evicted: &evicted)
                if let id { table.leave(id) }
                return id != nil
            }
        }
        #expect(admitted(&table, now) == count)
        #expect(table.enter(.rendezvous, source: IPAddress(v4: 77), now: now, evicted: &evicted) != nil)
        #expect(admitted(&table, now + .seconds(1)) == count / 10)
    }

    @Test("rates take bounded memory, and forget who has used none")
    func memory() {
        var rates = RateTable<Account>(rate: 1, burst: 2)
        for number in 0..<200_000 as Range<UInt32> { _ = rates.take(Account.all(of: IPAddress(v4: number)), now: now) }
        #expect(rates.count <= 65_536)
        _ = rates.take(Account.all(of: IPAddress(v4: 1)), now: now + .seconds(5))
        #expect(rates.count == 1)
    }
}

@Suite("The order of handshakes")
struct HandshakeQueueTests {
    private let now = NIODeadline.uptimeNanoseconds(5_000_000_000)

    private func queue(_ rate: Double) -> HandshakeQueue {
        var limits = PlaceLimits()
        (limits.handshakeRate, limits.handshakeBurst) = (rate, rate)
        return HandshakeQueue(limits, now: now)
    }

    @Test("all together have a rate, and the sources take turns: one that has ten thousand waiting holds up nobody", arguments: [false, true])
    func fair(_ isTunnel: Bool) {
        var queue = queue(100)
        func source(_ number: UInt64) -> IPAddress {
            isTunnel ? IPAddress(v6High: 0x2001_0DB8_0000_0000 | (number & 0xFF) << 8, low: 1) : IPAddress(v4: 1)
        }
        let begun = (0..<10_000 as Range<UInt64>).count { queue.enter(PlaceID($0), source($0), now: now) }
        #expect(begun == 100 && queue.count == 9_900)
        _ = queue.enter(PlaceID(20_000), IPAddress(v4: 9), now: now)
        let (first, second, third) = (
            queue.next(now: now + .milliseconds(21)), queue.next(now: now + .milliseconds(21)), queue.next(now: now + .milliseconds(21))
        )
        #expect(first == PlaceID(100) && second == PlaceID(20_000) && third == nil)
        let delay = queue.delay(now: now + .milliseconds(21))
        #expect(delay.map { $0 > .zero && $0 <= .milliseconds(10) } == true)
    }

    @Test("whoever leaves is not waited for")
    func leaving() {
        var queue = queue(1)
        for number in 0..<4 as Range<UInt64> { _ = queue.enter(PlaceID(number), IPAddress(v4: UInt32(number / 2)), now: now) }
        queue.leave(PlaceID(1))
        queue.leave(PlaceID(2))
        let next = [queue.next(now: now + .seconds(1)), queue.next(now: now + .seconds(2))]
        #expect(next == [PlaceID(3), nil] && queue.count == 0 && queue.delay(now: now) == nil)
    }
}
