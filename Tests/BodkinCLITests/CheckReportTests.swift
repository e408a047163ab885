import BodkinCore
import BodkinPrediction
import BodkinSystem
import Testing

@testable import Bodkin
@testable import BodkinCLI

/// What `bodkin check` says of what was found.
@Suite("what a check says")
struct CheckReportTests {
    private static let server: [Endpoint] = ["198.51.100.1:3478", "198.51.100.1:3479"].compactMap { Endpoint($0) }

    /// A profile of a host in a home, of which the server sees these endpoints.
    static func profile(
        _ seen: [String], _ estimate: AllocationEstimate?, own: [String] = ["192.168.1.10"], isRegistered: Bool = true,
        knock: FilteringProfile.Knock? = .silence
    ) -> NetworkProfile {
        let addresses = own.compactMap { IPAddress($0) }.map { NetworkInterface.Address($0, onLink: IPPrefix($0, length: 24)) }
        let samples = zip(server, seen).map { MappingProfile.Sample(server: $0, mapped: Endpoint($1)) }
        let mapping = MappingProfile(
            family: .v4, local: addresses.first.map { Endpoint($0.address, 40_000) },
            samples: samples.isEmpty ? server.map { MappingProfile.Sample(server: $0, mapped: nil) } : samples)
        return NetworkProfile(
            interfaces: [NetworkInterface(name: "eth0", addresses: addresses)], routes: [],
            reachability: isRegistered ? .registered(after: .milliseconds(52)) : .failed(PeerError(.refused, "no: do this")),
            tcp: [mapping], udp: [], allocations: estimate.map { [AllocationProfile(family: .v4, estimate: $0, sampleCount: 20)] } ?? [],
            filtering: knock.map { [FilteringProfile(family: .v4, sameAddress: $0)] } ?? [])
    }

    static func estimate(_ mapping: MappingBehaviour, _ allocation: AllocationKind, _ addresses: [String] = ["203.0.113.1"]) -> AllocationEstimate {
        AllocationEstimate(
            mapping: mapping, allocation: allocation, confidence: 1, noise: allocation.delta == nil ? nil : NoiseEstimate(rate: 4, bound: 20),
            addresses: addresses.compactMap { IPAddress($0) })
    }

    static let kept = profile(["203.0.113.1:40000", "203.0.113.1:40000"], estimate(.endpointIndependent, .equal))
    static let counting = profile(["203.0.113.1:1024", "203.0.113.1:1026"], estimate(.addressAndPortDependent, .sequential(delta: 2)))
    static let block = profile(["203.0.113.1:5000", "203.0.113.1:5033"], estimate(.addressAndPortDependent, .block(4096...4607)))
    static let random = profile(["203.0.113.1:5000", "203.0.113.1:60033"], estimate(.addressAndPortDependent, .random(1024...65535)))
    static let unclear = profile(["203.0.113.1:5000", "203.0.113.1:60033"], estimate(.addressAndPortDependent, .unknown))
    static let open = profile(["203.0.113.7:40000", "203.0.113.7:40000"], estimate(.none, .equal, ["203.0.113.7"]), own: ["203.0.113.7"])
    static let blocked = profile([], nil)

    @Test(
        "the key sentences follow from what was found",
        arguments: [
            (
                kept,
                [
                    "each connection has its local port's number outside, too; a mapping is kept for every destination", "over IPv4: good",
                    "every destination sees a port here in the same way",
                ]
            ),
            (
                counting,
                [
                    "each new mapping has the last one's number plus 2, between which others take about 4 a second; each destination has a mapping of its own",
                    "over IPv4: fair", "the NAT counts, so that the next ones can be predicted",
                    "forward the reserved port (--reserved-port) at the router", "turn IPv6 on",
                ]
            ),
            (
                block,
                ["a block of about 512, near 4096", "over IPv4: fair", "as carriers give each customer one", "ask the provider for a public address"]
            ),
            (
                random,
                [
                    "drawn at random, from about 1024 to 65535", "over IPv4: poor", "only peers whose own port is known can search for it",
                    "with a router that keeps its ports: direct by a search with 896 connections at a time (over 99 % for each round",
                    "with a symmetric NAT that counts: by circuit: the external ports cannot be foretold",
                ]
            ),
            (unclear, ["no pattern was seen in 20 mappings: nothing is guessed", "over IPv4: unknown", "too little is known of the ports"]),
            (open, ["203.0.113.7:40000 is this machine's own: no NAT", "over IPv4: good", "the address is public"]),
            (
                blocked,
                ["no answer from the server's STUN ports over IPv4", "over IPv4: bad", "what would help: let TCP out to the server's STUN ports"]
            ),
        ])
    func words(_ profile: NetworkProfile, _ sentences: [String]) {
        let words = CheckReport(profile).words
        for sentence in sentences { #expect(words.contains(sentence), "\(words)") }
    }

    @Test("what is good needs no advice, and no advice is given that does not follow")
    func advice() {
        #expect(Self.kept.improvements.isEmpty && Self.open.improvements.isEmpty)
        #expect(Self.counting.improvements == [.useIPv6, .forwardPort])
        var dual = Self.profile(
            ["203.0.113.1:1024", "203.0.113.1:1026"], Self.estimate(.addressAndPortDependent, .sequential(delta: 2)),
            own: ["192.168.1.10", "2001:db8::1"])
        #expect(dual.improvements == [.serverIPv6, .forwardPort])
        dual.reachability = .failed(PeerError(.refused, "no: do this"))
        dual.tcp = Self.blocked.tcp
        dual.allocations = []
        #expect(!dual.improvements.contains(.letTCPOut) && dual.grades.map(\.mark) == [.unknown])
    }

    @Test(
        "a carrier's NAT is named where it shows, and nowhere else",
        arguments: [
            (kept, CarrierSign?.none), (counting, nil), (open, nil), (block, .portBlock),
            (profile(["203.0.113.1:1"], estimate(.endpointIndependent, .equal), own: ["100.64.3.4"]), .ownAddress),
            (profile(["100.64.3.4:1"], estimate(.endpointIndependent, .equal, ["100.64.3.4"])), .outsideAddress),
            (
                profile(["203.0.113.1:1"], estimate(.addressAndPortDependent, .random(1024...65535), ["203.0.113.1", "203.0.113.2"])),
                .severalAddresses
            ),
        ])
    func carrier(_ profile: NetworkProfile, _ sign: CarrierSign?) { #expect(profile.carrierSign(.v4) == sign) }

    @Test(
        "UDP has its own lines, and goes into what the oracle is told",
        arguments: [
            (
                FilteringProfile.Knock.connected, FilteringProfile.Knock.connected, FilteringBehaviour.endpointIndependent,
                "anyone may send to a port that is told"
            ),
            (.connected, .silence, .addressDependent, "what comes from an address that was sent to"),
            (.silence, .silence, .addressAndPortDependent, "only answers"),
        ])
    func datagrams(_ same: FilteringProfile.Knock, _ other: FilteringProfile.Knock, _ behaviour: FilteringBehaviour, _ sentence: String) {
        var profile = Self.kept
        profile.udp = profile.tcp
        profile.udpAllocations = [AllocationProfile(family: .v4, estimate: Self.estimate(.endpointIndependent, .equal))]
        profile.udpFiltering = [FilteringProfile(family: .v4, sameAddress: same, otherAddress: other)]
        let words = CheckReport(profile).words
        #expect(words.contains("UDP ports over IPv4: each socket has its local port's number outside, too"), "\(words)")
        #expect(words.contains("what comes in by UDP over IPv4: \(sentence)\n"), "\(words)")
        let udp = profile.network(.v4).udp
        #expect(udp?.passes == true && udp?.estimate.allocation == .equal && udp?.filtering == behaviour)
        profile.udp = Self.blocked.tcp
        #expect(profile.network(.v4).udp?.passes == false && Self.kept.network(.v4).udp == nil)
    }

    @Test("where ports are not to be predicted, a NAT that counts is no better than one that draws")
    func withoutPrediction() {
        var profile = Self.counting
        profile.policy.allowsPrediction = false
        #expect(profile.grades.map(\.mark) == [.poor])
        #expect(CheckReport(profile).words.contains("by circuit: the external ports would have to be predicted, which is turned off"))
    }

    @Test(
        "what comes in is said as the server met it",
        arguments: [
            (FilteringProfile.Knock.silence, FilteringProfile.Knock?.some(.silence), "only answers; the rest is dropped in silence"),
            (.refused, nil, "only answers; the rest is refused at once"),
            (.connected, .refused, "every port of an address that was connected to; the rest is refused at once"),
            (.connected, nil, "whether others may, too, only a server with a second address can tell"),
            (.connected, .connected, "anyone may connect to a port that is told"),
        ])
    func filtering(_ same: FilteringProfile.Knock, _ other: FilteringProfile.Knock?, _ sentence: String) {
        var profile = Self.kept
        profile.filtering = [FilteringProfile(family: .v4, sameAddress: same, otherAddress: other)]
        profile.hairpin = true
        let words = CheckReport(profile).words
        #expect(words.contains("what comes in over IPv4: ") && words.contains(sentence), "\(words)")
        #expect(words.contains("two machines behind this NAT reach each other by its outside address\n"))
        #expect(profile.grades.map(\.mark) == [same == .connected ? .excellent : .good])
    }

    @Test(
        "what is to be expected of a pair follows from both sides' ports",
        arguments: [
            (kept, PortForecast.Ports?.some(.kept), "203.0.113.9", "direct in one round, where both NATs let a SYN meet another"),
            (kept, .counted(delta: 2, count: 16, index: 8), "203.0.113.9", "direct by predicting ports"),
            (kept, .drawn(1024...65535, count: 512, isBlock: false), "203.0.113.9", "direct by a search with 896 connections at a time"),
            (counting, .drawn(1024...65535, count: 512, isBlock: false), "203.0.113.9", "by circuit: the external ports cannot be foretold"),
            (kept, .unknown, "203.0.113.9", "not to be foretold"), (kept, nil, "203.0.113.9", "not to be foretold"),
            (kept, .kept, "203.0.113.1", "on one link they connect by their own addresses"),
        ])
    func pair(_ profile: NetworkProfile, _ ports: PortForecast.Ports?, _ address: String, _ sentence: String) throws {
        let peer = try PeerID("ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
        let address = try #require(IPAddress(address))
        let told = ports.map { PortForecast(address: address, port: 5000, ports: $0) }
        var report = CheckReport(profile)
        report.pair = PairOutlook(peer, after: .milliseconds(80), own: profile.network(.v4), told: told)
        #expect(report.words.contains("peer \(peer): answers by circuit after 80.0 ms"))
        #expect(report.words.contains(sentence), "\(report.words)")
    }

    @Test("the JSON of a pair is this, to the letter, and comes last")
    func pairJSON() throws {
        let peer = try PeerID("ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
        let told = PortForecast(address: try #require(IPAddress("203.0.113.9")), port: 5000, ports: .kept)
        var report = CheckReport(Self.kept)
        report.pair = PairOutlook(peer, after: .milliseconds(80), own: Self.kept.network(.v4), told: told)
        #expect(
            report.json.line.hasSuffix(
                """
                "improvements": [], "peer": {"id": "\(peer)", "reachable": true, "answered_ms": 80.0, "ports": "kept", "outside": "203.0.113.9", \
                "shares_address": false, "outcome": "likely", "probability": 0.85, "by": "meet", "reason": null}}
                """))
        report.pair = nil
        report.unanswered = (peer, CommandFailure(CommandFailure.Status.noPeer, "not there: look"))
        #expect(report.json.line.hasSuffix(#""peer": {"id": "\#(peer)", "reachable": false, "message": "not there: look"}}"#))
    }

    @Test("the JSON of a network is this, to the letter")
    func json() {
        var profile = Self.counting
        profile.resets = [ResetProfile(family: .v4, sparesOthers: true)]
        profile.nesting = NestingProfile(hops: [NestingProfile.Hop(1, IPAddress(v4: 0xC0A8_0101))], outsideHop: 1)
        profile.udpAllocations = [
            AllocationProfile(family: .v4, estimate: Self.estimate(.endpointIndependent, .equal), sampleCount: 20, serverAddressCount: 2)
        ]
        profile.udpFiltering = [FilteringProfile(family: .v4, sameAddress: .connected, otherAddress: .silence)]
        #expect(
            CheckReport(profile).json.line == """
                {"interfaces": [{"name": "eth0", "addresses": ["192.168.1.10"]}], "routes": [], "server": {"reachable": true, "registered_ms": 52.0}, \
                "tcp": [{"family": "ipv4", "mapping": "endpoint-dependent", "local": "192.168.1.10:40000", "preserves_port": false, \
                "samples": [{"server": "198.51.100.1:3478", "mapped": "203.0.113.1:1024"}, {"server": "198.51.100.1:3479", "mapped": "203.0.113.1:1026"}]}], \
                "udp": [], \
                "allocation": [{"family": "ipv4", "kind": "sequential", "delta": 2, "lowest": null, "highest": null, "others_per_second": 4.0, \
                "kept": false, "confidence": 1.0, "outside": ["203.0.113.1"], "samples": 20, "server_addresses": 1, "carrier": null}], \
                "filtering": [{"family": "ipv4", "behaviour": "address-and-port-dependent", "same_address": "silence", "other_address": null}], \
                "hairpin": null, \
                "reset": [{"family": "ipv4", "loss": null, "keeps_endpoint": null, "spares_others": true}], \
                "nesting": {"nats": 1, "further": false, "outside_hop": 1, "hops": [{"hop": 1, "address": "192.168.1.1"}]}, \
                "udp_allocation": [{"family": "ipv4", "kind": "equal", "delta": null, "lowest": null, "highest": null, "others_per_second": null, \
                "kept": true, "confidence": 1.0, "outside": ["203.0.113.1"], "samples": 20, "server_addresses": 2}], \
                "udp_filtering": [{"family": "ipv4", "behaviour": "address-dependent", "same_address": "connected", "other_address": "silence"}], \
                "grades": [{"family": "ipv4", "grade": "fair", "with": [\
                {"far": "public", "outcome": "certain", "probability": 1.0, "by": "meet", "reason": null}, \
                {"far": "port-keeping", "outcome": "likely", "probability": 1.0, "by": "predicted", "reason": null}, \
                {"far": "symmetric-counting", "outcome": "likely", "probability": 1.0, "by": "predicted", "reason": null}, \
                {"far": "symmetric-random", "outcome": "circuit", "probability": 0.0, "by": null, "reason": "unpredictable"}]}], \
                "improvements": [{"name": "use-ipv6", "advice": "turn IPv6 on, here and at the other end: there is no NAT on the way then"}, \
                {"name": "forward-port", "advice": "forward the reserved port (--reserved-port) at the router, where it is yours, \
                or use one that keeps one mapping for a port (RFC 5382 section 4.1)"}]}
                """)
    }
}
