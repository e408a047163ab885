import BodkinBroker
import BodkinCore
import NIOCore

/// The places, handshakes and datagrams of a server, with unauthenticated clients and peers that come, prove themselves and go in any order.
struct FuzzedPlaces {
    private var table: PlaceTable
    private var handshakes: HandshakeQueue
    private var datagrams: DatagramBudget
    private let limits: PlaceLimits
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    /// Those that have a place.
    private var present: [PlaceID] = []

    init() {
        var limits = PlaceLimits()
        limits.rendezvous = .init(authenticated: 24, authenticatedPerSource: 12, unauthenticated: 16, unauthenticatedPerSource: 6)
        limits.stun = .init(authenticated: 24, authenticatedPerSource: 8, unauthenticated: 16, unauthenticatedPerSource: 6)
        limits.authenticated = 40
        limits.fit(400)
        (limits.handshakeRate, limits.handshakeBurst) = (4, 4)
        (self.limits, table, handshakes, datagrams) = (limits, PlaceTable(limits), HandshakeQueue(limits, now: now), DatagramBudget(now: now))
    }

    private static func source(_ random: inout SplitMix64) -> IPAddress {
        random.chance(3)
            ? IPAddress(v6High: 0x2001_0DB8_0000_0000 | random.below(4) << 8 | random.below(4), low: 1)
            : IPAddress(v4: 0xC000_0200 + UInt32(random.below(6)))
    }

    /// One thing happens. Returns whether every limit holds.
    mutating func step(_ random: inout SplitMix64) -> Bool {
        now = now + .milliseconds(Int64(random.below(random.chance(40) ? 20_000 : 60)))
        let kind: PlaceLimits.Kind = random.chance(2) ? .stun : .rendezvous
        var evicted: [PlaceID] = []
        switch random.below(10) {
        case 0..<4:
            let source = Self.source(&random)
            if let id = table.enter(kind, source: source, now: now, evicted: &evicted) {
                present.append(id)
                if kind == .rendezvous { _ = handshakes.enter(id, source, now: now) }
            }
        case 4, 5: if let id = any(&random), !table.authenticate(id) { leave(id) }
        case 6: if let id = any(&random) { table.demote(id, now: now, evicted: &evicted) }
        case 7: if let id = any(&random) { leave(id) }
        case 8:
            _ = handshakes.delay(now: now)
            _ = handshakes.next(now: now)
        default:
            let (source, request, answer) = (Self.source(&random), Int(20 + random.below(500)), Int(20 + random.below(500)))
            if datagrams.takes(from: source, now: now) { _ = datagrams.answers(answer, to: request, from: source, now: now) }
        }
        for id in evicted { leave(id) }
        return PlaceLimits.Kind.allCases.allSatisfy { kind in
            table.count(kind, isAuthenticated: false) <= limits[kind].unauthenticated
                && table.count(kind, isAuthenticated: true) <= limits[kind].authenticated
        }
            && present.count
                == PlaceLimits.Kind.allCases.reduce(0) { $0 + table.count($1, isAuthenticated: false) + table.count($1, isAuthenticated: true) }
            && handshakes.count <= present.count
    }

    private func any(_ random: inout SplitMix64) -> PlaceID? { present.isEmpty ? nil : present[Int(random.below(UInt64(present.count)))] }

    private mutating func leave(_ id: PlaceID) {
        table.leave(id)
        handshakes.leave(id)
        present.removeAll { $0 == id }
    }
}
