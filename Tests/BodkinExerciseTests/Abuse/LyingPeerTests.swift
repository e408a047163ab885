import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Testing

extension AbuseTests {
    /// The victim `a` (192.168.11.12) and its neighbour `c` behind a home router, the liar `b` (203.0.113.13) on the open Internet, as is the third party.
    @Suite("A peer that lies in its card")
    struct LyingPeerTests {
        static var topology: Topology {
            var topology = Topology(seed: 1)
            topology.addServer()
            topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(5)))
            topology.addHost("b", behind: .open)
            topology.addHost("third", behind: .open)
            topology.addHost("c", inside: "nat-a")
            return topology
        }

        /// A victim that anyone may dial, and a liar whose true place is port 5000.
        private static func meet(_ body: @Sendable @escaping (PeerLab, LyingPeer, PeerID, EventLog) async throws -> Void) async throws {
            var options = Lab.Options()
            options.isTracing = true
            try await withPeerLab(topology, options: options) { place in
                // What stays inside the victim's host is in no capture: a listener sees it.
                let visits = Visits()
                try await place.withLoop(in: "a") { loop in
                    try await loop.listen(Endpoint(try #require(IPAddress("127.0.0.1")), 5000)) { _ in visits.note() }
                    try await meet(in: place, body)
                }
                #expect(visits.count == 0)
            }
        }

        private static func meet(
            in place: PeerLab, _ body: @Sendable @escaping (PeerLab, LyingPeer, PeerID, EventLog) async throws -> Void
        ) async throws {
            let log = EventLog()
            func configure(_ configuration: inout Peer.Configuration) {
                configuration.admission = .anyone
                configuration.reservedPort = 4000
            }
            try await place.withPeer(in: "a", log: log, configure) { victim in
                try await victim.registered()
                let id = victim.id
                try await place.withLoop(in: "b") { loop in
                    let liar = try await LyingPeer(place.url, on: loop)
                    liar.send(liar.hello(), liar.register(try liar.card([])))
                    _ = try await liar.next("registered") { if case .registered = $0 { true } else { nil } }
                    try await liar.warm(from: 5000)
                    _ = try await place.lab.takeEvents()
                    try await body(place, liar, id, log)
                }
            }
        }

        /// What a card may name and nobody connects to, with the reason in the report.
        static let cards: [[(String, String)]] = [
            [
                ("192.168.11.1:5000", "our gateway"), ("127.0.0.1:5000", "never"), ("169.254.169.254:5000", "never"),
                ("203.0.113.14:5000", "not seen"), ("224.0.0.251:5353", "never"), ("203.0.113.13:22", "below 1024"),
                ("192.168.11.12:4000", "a local endpoint"),
            ],
            [
                ("203.0.113.11:4000", "a local endpoint"), ("203.0.113.11:5000", "not seen"), ("192.168.11.15:5000", "another network"),
                ("198.51.100.1:4433", "not seen"), ("10.0.0.1:5000", "no link"), ("255.255.255.255:5000", "never"), ("0.0.0.0:5000", "never"),
            ],
            [
                ("[::1]:5000", "never"), ("[fe80::1]:5000", "never"), ("[ff02::fb]:5353", "never"), ("[2001:db8:e::10]:5000", "not seen"),
                ("[::ffff:192.168.11.1]:5000", "never"), ("[fd00::1]:5000", "no link"), ("192.168.11.12:1023", "below 1024"),
            ],
        ]

        @Test("not one packet goes to what it may not name", arguments: cards)
        func forbidden(_ card: [(String, String)]) async throws {
            try await Self.meet { place, liar, victim, log in
                // The liar's true place comes last in the card: once it is fired at, so would be the others.
                let truth = try #require(Endpoint("203.0.113.13:5000"))
                let forbidden = card.compactMap { Endpoint($0.0) }
                #expect(forbidden.count == card.count)
                liar.send(liar.register(try liar.card(forbidden + [truth])), liar.dial(victim, .random()))
                var packets: [PacketSummary] = []
                try await eventually("a second SYN to the liar's true place") {
                    packets += try await place.lab.packets(from: "a")
                    return packets.requests[truth, default: 0] >= 2
                }
                #expect(Set(packets.requests.keys) == [truth])
                let server = try place.lab.host("server").address
                #expect(packets.destinations.isSubset(of: [truth.address, server]))
                for (endpoint, reason) in card {
                    #expect(log.detail(of: endpoint)?.contains(reason) == true, "\(endpoint): \(log.detail(of: endpoint) ?? "-")")
                }
            }
        }

        @Test("a card of more than 8 candidates is no card: nothing is fired at")
        func tooMany() async throws {
            try await Self.meet { place, liar, victim, log in
                let attempt = AttemptID.random()
                let truth = try #require(Endpoint("203.0.113.13:5000"))
                let many = (5001...5009).map { Endpoint(truth.address, $0) }
                // The server refuses it, but passes on what it has not been shown as a registration.
                liar.send(liar.register(try liar.card([truth])), liar.dial(victim, attempt))
                _ = try await liar.next("a meet") { if case .meet = $0 { true } else { nil } }
                liar.send(liar.signal(try liar.card(many), attempt))
                var packets: [PacketSummary] = []
                try await eventually("a third SYN to the liar's true place, and a word about the card") {
                    packets += try await place.lab.packets(from: "a")
                    return packets.requests[truth, default: 0] >= 3 && log.attempts.contains { $0.detail.contains("malformed") }
                }
                #expect(Set(packets.requests.keys) == [truth])
                liar.send(liar.register(try liar.card(many)))
                let failure = try await liar.next("a failure") { if case .failure(let failure) = $0 { failure } else { nil } }
                #expect(failure.code == .card)
            }
        }

        @Test("a stranger cannot start more than tier 1, however many cards it signs")
        func tierOne() async throws {
            try await Self.meet { place, liar, victim, log in
                let attempt = AttemptID.random()
                let address = try #require(IPAddress("203.0.113.13"))
                func eight(_ number: UInt16) -> [Endpoint] { (0..<8).map { Endpoint(address, 6000 + number * 8 + $0) } }
                liar.send(liar.register(try liar.card(eight(0))), liar.dial(victim, attempt))
                _ = try await liar.next("a meet") { if case .meet = $0 { true } else { nil } }
                for number in 1...6 as ClosedRange<UInt16> { liar.send(liar.signal(try liar.card(eight(number)), attempt)) }
                var packets: [PacketSummary] = []
                // An unknown peer may cause less traffic to one address than 16 targets at nine instants.
                let limit = OutboundGate.strangerLimits.address
                try await eventually("the last SYN") {
                    packets += try await place.lab.packets(from: "a")
                    return packets.requests.values.reduce(0, +) >= limit
                }
                try await Task.sleep(for: .milliseconds(2_000))
                packets += try await place.lab.packets(from: "a")
                // The first card and one more: 16 targets. (The open host answers with RST, so that no SYN is ever repeated by the system.)
                #expect(packets.requests.count == 16)
                #expect(packets.requests.values.allSatisfy { $0 <= MeetSchedule.instants.count }, "\(packets.requests)")
                #expect(packets.requests.values.reduce(0, +) <= limit + 1)
                // Not one from another port than the reserved one, nor to another address.
                #expect(Set(packets.filter(\.isConnectionRequest).map(\.flow.source.port)) == [4000])
                #expect(packets.destinations.isSubset(of: [address, try place.lab.host("server").address]))
            }
        }
    }
}
