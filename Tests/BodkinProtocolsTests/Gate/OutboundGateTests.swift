import BodkinCore
import Testing

@testable import BodkinProtocols

@Suite("The gate for outgoing connections and datagrams")
struct OutboundGateTests {
    typealias Gate = OutboundGate

    private static func peer(_ number: UInt8) -> PeerID {
        PeerID(publicKey: [number] + [UInt8](repeating: 7, count: 31)) ?? { preconditionFailure("32 bytes are a key") }()
    }
    private static func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

    private static var gate: Gate {
        var gate = Gate(servers: ["127.0.0.1"].compactMap { IPAddress($0) })
        gate.localAddresses = Set(["192.168.1.7", "203.0.113.7"].compactMap { IPAddress($0) })
        gate.gateways = Set(["192.168.1.1", "203.0.113.1"].compactMap { IPAddress($0) })
        return gate
    }

    /// A kind of outgoing traffic and an endpoint, and what becomes of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let endpoint: String
        let purpose: Gate.Purpose
        let refusal: Gate.Refusal?
        var testDescription: String { "\(purpose) to \(endpoint): \(refusal.map { "\($0)" } ?? "passes")" }
    }

    static var cases: [Case] {
        let (one, standing) = (peer(1), Gate.Standing.listed)
        let told: [Gate.Purpose] = [.server, .relay, .reflection]
        let dials: [Gate.Purpose] = [.meet(one, standing), .search(one, standing)]
        func all(_ endpoint: String, _ purposes: [Gate.Purpose], _ refusal: Gate.Refusal?) -> [Case] {
            purposes.map { Case(endpoint: endpoint, purpose: $0, refusal: refusal) }
        }
        return all("127.0.0.66:22022", told + dials, .unusable) + all("169.254.1.1:5000", told + dials, .unusable)
            + all("224.0.0.1:5000", told + dials, .unusable) + all("[::1]:5000", told + dials, .unusable)
            + all("203.0.113.9:22", told + dials, .port) + all("203.0.113.9:1023", told + dials, .port)
            + all("192.168.1.1:5000", told + dials, .gateway) + all("203.0.113.1:5000", told + dials, .gateway)
            + all("10.0.0.9:5000", told + [.search(one, standing)], .notPublic) + all("192.168.1.9:5000", told + [.search(one, standing)], .notPublic)
            + all("192.168.1.9:5000", [.meet(one, standing)], nil)
            + all("203.0.113.7:5000", told + [.search(one, standing)], .ourselves) + all("203.0.113.7:4000", [.meet(one, standing)], .ourselves)
            + all("203.0.113.7:5000", [.meet(one, standing)], nil)
            + all("203.0.113.9:5000", told + dials, nil) + all("[2001:db8::9]:5000", told + dials, nil)
            // The user's own server may be anywhere, and nothing else at its address is the server.
            + all("127.0.0.1:22", [.server, .relay], nil)
            // A relay may be where TLS is, and nothing else below the ports of users.
            + all("203.0.113.9:443", [.relay], nil) + all("203.0.113.9:443", [.server, .reflection] + dials, .port)
            + all("127.0.0.1:5000", [.reflection] + dials, .unusable)
    }

    @Test("lets pass what makes sense", arguments: cases)
    func endpoints(_ one: Case) throws {
        var gate = Self.gate
        let endpoint = try Self.endpoint(one.endpoint)
        let result = Result { () throws(Gate.Refusal) in try gate.passage(to: endpoint, from: 4000, for: one.purpose, at: .start) }
        switch result {
        case .success(let passage): #expect(one.refusal == nil && passage.endpoint == endpoint)
        case .failure(let refusal): #expect(refusal == one.refusal)
        }
    }

    /// How many of `count` tries pass.
    private static func passes(
        _ gate: inout Gate, _ count: Int, at now: Instant = .start, to endpoint: (Int) -> Endpoint, for purpose: (Int) -> Gate.Purpose
    ) -> Int {
        (0..<count).count { (try? gate.passage(to: endpoint($0), from: 4000, for: purpose($0), at: now)) != nil }
    }

    private static func target(_ number: Int, port: UInt16 = 5000) -> Endpoint {
        Endpoint(IPAddress(v4: 0xCB00_7100 + 256 * 100 + UInt32(number)), port)
    }
    private static func limits(_ standing: Gate.Standing) -> Gate.Limits { Gate.Class.peer(standing).limits }

    @Test("one address has its share, whoever the remote peers and whatever the ports are", arguments: Gate.Standing.allCases)
    func address(_ standing: Gate.Standing) {
        var gate = Self.gate
        let limit = Self.limits(standing).address
        func tries(_ gate: inout Gate, at now: Instant) -> Int {
            Self.passes(
                &gate, limit + 500, at: now, to: { Self.target(1, port: 1024 + UInt16($0)) },
                for: { .meet(Self.peer(UInt8($0 % 200)), standing) })
        }
        #expect(tries(&gate, at: .start) == limit)
        // A quarter of an hour brings a quarter back, and a day no more than the whole.
        #expect(abs(tries(&gate, at: .start + .seconds(900)) - limit / 4) <= 1)
        #expect(tries(&gate, at: .start + .seconds(90_000)) == limit)
    }

    @Test("one remote peer has its share, wherever it says that it is", arguments: Gate.Standing.allCases)
    func peer(_ standing: Gate.Standing) {
        var gate = Self.gate
        let limit = Self.limits(standing).peer
        let count = Self.passes(&gate, limit + 500, to: { Self.target($0 % 64) }, for: { _ in .search(Self.peer(1), standing) })
        #expect(count == limit)
        // Another peer is not concerned.
        #expect(Self.passes(&gate, 1, to: { _ in Self.target(70) }, for: { _ in .search(Self.peer(2), standing) }) == 1)
    }

    @Test("all of one standing have a share together, and leave that of the others alone", arguments: Gate.Standing.allCases)
    func total(_ standing: Gate.Standing) {
        var gate = Self.gate
        let limit = Self.limits(standing).total
        let count = Self.passes(&gate, limit + 500, to: { Self.target($0) }, for: { .meet(Self.peer(UInt8($0 % 200)), standing) })
        #expect(count == limit)
        for other in Gate.Standing.allCases where other != standing {
            #expect(Self.passes(&gate, 1, to: { _ in Self.target(1) }, for: { _ in .meet(Self.peer(1), other) }) == 1)
        }
    }

    @Test("what the server tells has a share, whether as its second address or as the peer's own")
    func told() {
        var gate = Self.gate
        let limits = Gate.Class.told.limits
        #expect(Self.passes(&gate, limits.address + 100, to: { _ in Self.target(1) }, for: { $0 % 2 == 0 ? .server : .reflection }) == limits.address)
        let rest = limits.total - limits.address
        #expect(Self.passes(&gate, rest + 100, to: { Self.target($0 + 2) }, for: { _ in .server }) == rest)
    }

    @Test("a host of IPv6 is its /64")
    func prefix() throws {
        var gate = Self.gate
        let high = try #require(IPAddress("2001:db8::")).high
        let limit = Gate.strangerLimits.address
        func tries(_ low: UInt64, _ gate: inout Gate) -> Int {
            Self.passes(
                &gate, limit + 10, to: { Endpoint(IPAddress(v6High: high + low, low: UInt64($0)), 5000) },
                for: { .meet(Self.peer(UInt8($0 % 200)), .stranger) })
        }
        #expect(tries(0, &gate) == limit)
        #expect(tries(1, &gate) == limit)
    }

    @Test("the table of accounts is bounded, and empties in time")
    func table() {
        var gate = Self.gate
        for second in 0..<1 {
            for standing in Gate.Standing.allCases {
                _ = Self.passes(
                    &gate, 34_000, at: .start + .seconds(second), to: { Self.target($0) }, for: { .meet(Self.peer(UInt8($0 % 200)), standing) })
            }
        }
        #expect(gate.accountCount <= Gate.accountLimit)
        let later = Instant.start + .seconds(100_000)
        #expect(Self.passes(&gate, 1, at: later, to: { _ in Self.target(1) }, for: { _ in .meet(Self.peer(1), .stranger) }) == 1)
        #expect(gate.accountCount == 3)
    }
}
