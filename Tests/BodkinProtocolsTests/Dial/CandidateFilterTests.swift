import BodkinCore
import BodkinProtocols
import Testing

/// Our place in these tests: 192.168.1.2 and fd00:1::2 behind the gateway 192.168.1.1, reserved port 5000, seen outside as 203.0.113.1:6000.
@Suite("What a peer is willing to connect to")
struct CandidateFilterTests {
    /// A filter of our place; the server saw the peer at these endpoints.
    static func filter(_ observed: String..., allowsPrivate: Bool = false) -> CandidateFilter {
        CandidateFilter(
            observed: observed.compactMap { Endpoint($0) }, ownObserved: ["203.0.113.1:6000", "[2001:db8:1::2]:5000"].compactMap { Endpoint($0) },
            ownAddresses: ["192.168.1.2", "fd00:1::2", "2001:db8:1::2"].compactMap { IPAddress($0) }, ownPort: 5000,
            onLink: ["192.168.1.0/24", "fd00:1::/64", "2001:db8:1::/64"].compactMap { IPPrefix($0) },
            gateways: ["192.168.1.1", "2001:db8:1::1"].compactMap { IPAddress($0) }, allowsPrivate: allowsPrivate,
            signed: observed.compactMap { Endpoint($0) }, isAuthenticated: true)
    }

    /// A candidate, and why it is refused where the server saw the peer at the same address as us.
    static let ourNetwork: [(String, CandidateFilter.Refusal?)] = [
        ("192.168.1.3:5000", nil), ("192.168.1.3:1024", nil), ("[fd00:1::3]:5000", nil),
        ("192.168.1.3:1023", .port), ("192.168.1.3:22", .port), ("192.168.1.3:0", .port),
        ("192.168.1.1:5000", .gateway), ("[2001:db8:1::1]:5000", .gateway),
        ("192.168.1.2:5000", .ourselves), ("[fd00:1::2]:5000", .ourselves), ("[2001:db8:1::2]:5000", .ourselves),
        // Our own mapping outside is ourselves, too; the neighbour's beside it is not, whatever local port we both have.
        ("203.0.113.1:6000", .ourselves), ("203.0.113.1:6001", nil), ("203.0.113.1:5000", nil),
        // Beyond the link: another subnet of the site, but no address that is likely a router's, and nothing of the carrier's.
        ("192.168.2.3:5000", nil), ("10.0.0.2:5000", nil), ("172.16.0.2:1024", nil), ("[fd00:2::3]:5000", nil),
        ("192.168.2.3:1023", .port), ("192.168.2.1:5000", .gateway), ("192.168.2.254:5000", .gateway), ("[fd00:2::1]:5000", .gateway),
        ("[fd00:2::]:5000", .gateway), ("100.64.0.2:5000", .offLink), ("100.127.255.2:5000", .offLink),
        ("198.51.100.7:5000", .unobserved), ("[2001:db8:2::3]:5000", .unobserved),
    ]

    /// Addresses that are never connected to, whatever the server says.
    static let unusableAddresses = [
        "127.0.0.1", "127.255.255.254", "[::1]", "0.0.0.0", "0.1.2.3", "[::]", "169.254.169.254", "[fe80::1]", "224.0.0.251", "239.255.255.255",
        "[ff02::fb]", "255.255.255.255", "240.0.0.1", "192.0.0.8", "[::ffff:192.168.1.3]", "[64:ff9b::c0a8:103]", "[fec0::1]",
    ]

    @Test("in one network: its links, without the gateway, ourselves and low ports", arguments: ourNetwork)
    func inside(_ text: String, _ refusal: CandidateFilter.Refusal?) throws {
        let candidate = Candidate(.host, try #require(Endpoint(text)))
        #expect(Self.filter("203.0.113.1:7000").refusal(of: candidate) == refusal)
    }

    @Test("never loopback, link-local, multicast or reserved, not even where the server vouches for it", arguments: unusableAddresses)
    func unusable(_ address: String) throws {
        let endpoint = try #require(Endpoint("\(address):5000"))
        for kind in [Candidate.Kind.host, .serverReflexive] {
            #expect(Self.filter("\(endpoint)", allowsPrivate: true).refusal(of: Candidate(kind, endpoint)) == .unusable)
        }
    }

    @Test("a public address only where the server saw the peer, on any port from 1024 up")
    func vouched() throws {
        let filter = Self.filter("198.51.100.7:6000", "[2001:db8:2::3]:5000")
        func refusal(_ text: String) throws -> CandidateFilter.Refusal? {
            filter.refusal(of: Candidate(.serverReflexive, try #require(Endpoint(text))))
        }
        #expect(try refusal("198.51.100.7:6000") == nil)
        #expect(try refusal("198.51.100.7:6001") == nil)
        #expect(try refusal("198.51.100.7:443") == .port)
        #expect(try refusal("198.51.100.8:6000") == .unobserved)
        #expect(try refusal("[2001:db8:2::3]:4000") == nil)
        #expect(try refusal("[2001:db8:2::4]:5000") == .unobserved)
        #expect(try refusal("203.0.113.1:6000") == .ourselves)
    }

    @Test("a private address of a peer in another network only where that is allowed, and on our links alone even then")
    func elsewhere() throws {
        let near = Candidate(.host, try #require(Endpoint("192.168.1.3:5000")))
        let far = Candidate(.host, try #require(Endpoint("192.168.2.3:5000")))
        for observed in [["198.51.100.7:6000"], ["[2001:db8:2::3]:5000"], []] {
            var filter = Self.filter()
            filter.observed = observed.compactMap { Endpoint($0) }
            #expect(filter.refusal(of: near) == .elsewhere)
            filter.allowsPrivate = true
            #expect(filter.refusal(of: near) == nil)
            #expect(filter.refusal(of: far) == .offLink)
        }
    }

    @Test("no private address where both peers are seen at a private one: a proxy before the server has it, and they may be anywhere")
    func proxiedServer() throws {
        var filter = Self.filter("172.17.0.1:40000")
        filter.signed = filter.observed
        filter.ownObserved = [try #require(Endpoint("172.17.0.1:40001"))]
        filter.isAuthenticated = true
        let near = Candidate(.host, try #require(Endpoint("192.168.1.3:5000")))
        let far = Candidate(.host, try #require(Endpoint("192.168.2.3:5000")))
        #expect(filter.refusal(of: near) == .elsewhere && filter.refusal(of: far) == .offLink)
        // Two peers of one host, whose own address the server sees.
        filter.ownAddresses.append(try #require(IPAddress("172.17.0.1")))
        #expect(filter.refusal(of: near) == nil && filter.refusal(of: far) == nil)
    }

    /// A host of a cloud: a /32, and a default route without a gateway, or with its own address for one.
    private static func cloudHost(gateways: [String], allowsPrivate: Bool = false) -> CandidateFilter {
        CandidateFilter(
            observed: ["203.0.113.1:7000"].compactMap { Endpoint($0) }, ownObserved: ["203.0.113.1:6000"].compactMap { Endpoint($0) },
            ownAddresses: ["10.1.0.7"].compactMap { IPAddress($0) }, ownPort: 5000, onLink: ["10.1.0.7/32"].compactMap { IPPrefix($0) },
            gateways: gateways.compactMap { IPAddress($0) }, allowsPrivate: allowsPrivate,
            signed: ["203.0.113.1:7000"].compactMap { Endpoint($0) }, isAuthenticated: true)
    }

    static let cloud: [(String, CandidateFilter.Refusal?)] = [
        ("10.1.0.8:5000", nil), ("10.2.3.4:5000", nil), ("192.168.5.6:5000", nil), ("10.1.0.1:5000", .gateway), ("10.1.0.254:5000", .gateway),
        ("10.1.0.7:5000", .ourselves), ("10.1.0.8:80", .port), ("169.254.169.254:5000", .unusable), ("127.0.0.1:5000", .unusable),
    ]

    @Test("a host with nothing on its link reaches the others of its site, and takes for gateways what is likely one", arguments: cloud)
    func withoutLink(_ text: String, _ refusal: CandidateFilter.Refusal?) throws {
        let candidate = Candidate(.host, try #require(Endpoint(text)))
        for gateways in [[], ["10.1.0.7"], ["10.1.0.129"]] {
            for allowsPrivate in [false, true] {
                #expect(Self.cloudHost(gateways: gateways, allowsPrivate: allowsPrivate).refusal(of: candidate) == refusal, "\(gateways)")
            }
        }
        #expect(Self.cloudHost(gateways: ["10.1.0.129"]).refusal(of: Candidate(.host, try #require(Endpoint("10.1.0.129:5000")))) == .gateway)
    }

    struct Disagreement: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout CandidateFilter) -> Void
        var refusal = CandidateFilter.Refusal.offLink
    }

    static let disagreements = [
        Disagreement(testDescription: "the server") { $0.observed = ["203.0.113.9:7000"].compactMap { Endpoint($0) } },
        Disagreement(testDescription: "the peer") { $0.signed = ["203.0.113.9:7000"].compactMap { Endpoint($0) } },
        Disagreement(testDescription: "the peer, which says nothing") { $0.signed = [] },
        Disagreement(testDescription: "our own observation") { $0.ownObserved = ["203.0.113.9:6000"].compactMap { Endpoint($0) } },
        Disagreement(
            testDescription: "nobody, but the peer has not authenticated itself", change: { $0.isAuthenticated = false }, refusal: .unauthenticated),
    ]

    @Test("nothing beyond the link where one of the three does not agree on the outside address", arguments: disagreements)
    func liedTo(_ disagreement: Disagreement) throws {
        let candidate = Candidate(.host, try #require(Endpoint("10.2.3.4:5000")))
        for allowsPrivate in [false, true] {
            var filter = Self.cloudHost(gateways: [], allowsPrivate: allowsPrivate)
            #expect(filter.refusal(of: candidate) == nil)
            disagreement.change(&filter)
            #expect(filter.refusal(of: candidate) == disagreement.refusal)
        }
    }

    @Test("on a link whose gateway no route tells, the first and the last address are taken for it", arguments: [[], ["fe80::1"], ["192.168.1.2"]])
    func unknownGateway(_ gateways: [String]) throws {
        var filter = Self.filter("203.0.113.1:7000")
        filter.gateways = gateways.compactMap { IPAddress($0) }
        for (text, refusal) in [
            ("192.168.1.1:5000", CandidateFilter.Refusal.gateway), ("192.168.1.254:5000", .gateway), ("[fd00:1::1]:5000", .gateway),
            ("192.168.1.3:5000", nil), ("[fd00:1::3]:5000", nil),
        ] {
            #expect(filter.refusal(of: Candidate(.host, try #require(Endpoint(text)))) == refusal, "\(text)")
        }
    }

    @Test("a subscriber of a carrier reaches another one by the carrier's own addresses where both have one")
    func shared() throws {
        var filter = Self.cloudHost(gateways: [])
        filter.ownAddresses = ["100.64.3.7"].compactMap { IPAddress($0) }
        filter.onLink = ["100.64.3.7/32"].compactMap { IPPrefix($0) }
        #expect(filter.refusal(of: Candidate(.host, try #require(Endpoint("100.70.1.2:5000")))) == nil)
    }

    @Test("for IPv6 one /64 is one network")
    func sameLink() throws {
        let near = Candidate(.host, try #require(Endpoint("[fd00:1::3]:5000")))
        #expect(Self.filter("[2001:db8:1::9]:5000").refusal(of: near) == nil)
        #expect(Self.filter("[2001:db8:1:1::9]:5000").refusal(of: near) == .elsewhere)
    }

    @Test("whoever is nowhere connects to nothing")
    func nowhere() throws {
        let filter = CandidateFilter(observed: [], ownObserved: [], ownAddresses: [], ownPort: 0, onLink: [], gateways: [], allowsPrivate: true)
        for text in ["192.168.1.3:5000", "198.51.100.7:5000", "[fd00:1::3]:5000"] {
            #expect(filter.refusal(of: Candidate(.host, try #require(Endpoint(text)))) != nil)
        }
    }
}
