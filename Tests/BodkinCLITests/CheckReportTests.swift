import BodkinCore
import BodkinPrediction
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
        dialBack: FilteringProfile.DialBackResult? = .silence
    ) -> NetworkProfile {
        let addresses = own.compactMap { IPAddress($0) }.map { NetworkInterface.Address($0, onLink: IPPrefix($0, length: 24)) }
        let samples = zip(server, seen).map { MappingProfile.Sample(server: $0, mapped: Endpoint($1)) }
        let mapping = MappingProfile(
            family: .v4, local: addresses.first.map { Endpoint($0.address, 40_000) },
            samples: samples.isEmpty ? server.map { MappingProfile.Sample(server: $0, mapped: nil) } : samples)
        return NetworkProfile(
            interfaces: [NetworkInterface(name: "eth0", addresses: addresses)], routes: [],
            reachability: isRegistered ? .registered(after: .milliseconds(52)) : .failed(PeerError(.refused, "No. Do this.")),
            tcp: [mapping], udp: [], allocations: estimate.map { [AllocationProfile(family: .v4, estimate: $0, sampleCount: 20)] } ?? [],
            filtering: dialBack.map { [FilteringProfile(family: .v4, sameAddress: $0)] } ?? [])
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
                    "the external port equals the local port; every destination sees the same mapping", "over IPv4: good",
                    "Every destination sees the same mapping, so remote peers can reach it.",
                ]
            ),
            (
                counting,
                [
                    "sequential, in steps of 2; other hosts take about 4 ports per second; each destination sees a different mapping",
                    "over IPv4: fair", "the NAT allocates sequentially, so peers can predict the next ports.",
                    "Recommendation: Forward the reserved port at the router", "Recommendation: Enable IPv6",
                    "(choose the port with --reserved-port).",
                ]
            ),
            (
                block,
                [
                    "random, from a block of about 512 ports near 4096", "over IPv4: fair",
                    "CGN: probable, because the NAT allocates ports from a small subscriber port block", "Ask the provider for a public address",
                ]
            ),
            (
                random,
                [
                    "random, from about 1024 to 65535", "over IPv4: poor", "only remote peers with a known port can find it by a birthday search.",
                    "with a NAT with endpoint-independent mapping: direct by a birthday search with 896 connections in flight (over 99 % in each of two rounds)",
                    "with a symmetric NAT with sequential ports: relayed, because the external ports are unpredictable",
                ]
            ),
            (unclear, ["unknown (20 mappings show no pattern)", "over IPv4: unknown", "The check did not learn which ports remote peers see."]),
            (open, ["no NAT (the server sees the local endpoint 203.0.113.7:40000)", "over IPv4: good", "The address is public"]),
            (
                blocked,
                [
                    "TCP mapping over IPv4: no answer from the server's STUN ports", "over IPv4: bad",
                    "Recommendation: Allow outgoing TCP to the server's STUN ports.",
                ]
            ),
        ])
    func words(_ profile: NetworkProfile, _ sentences: [String]) {
        let words = CheckReport(profile).words
        for sentence in sentences { #expect(words.contains(sentence), "\(words)") }
    }

    @Test("what is good needs no advice, and no advice is given that does not follow")
    func advice() {
        #expect(Self.kept.recommendations.isEmpty && Self.open.recommendations.isEmpty)
        #expect(Self.counting.recommendations == [.useIPv6, .forwardPort])
        var dual = Self.profile(
            ["203.0.113.1:1024", "203.0.113.1:1026"], Self.estimate(.addressAndPortDependent, .sequential(delta: 2)),
            own: ["192.168.1.10", "2001:db8::1"])
        #expect(dual.recommendations == [.serverIPv6, .forwardPort])
        dual.reachability = .failed(PeerError(.refused, "No. Do this."))
        dual.tcp = Self.blocked.tcp
        dual.allocations = []
        #expect(!dual.recommendations.contains(.letTCPOut) && dual.grades.map(\.rating) == [.unknown])
    }

    @Test(
        "a carrier's NAT is named where it shows, and nowhere else",
        arguments: [
            (kept, CGNATIndicator?.none), (counting, nil), (open, nil), (block, .portBlock),
            (profile(["203.0.113.1:1"], estimate(.endpointIndependent, .equal), own: ["100.64.3.4"]), .ownAddress),
            (profile(["100.64.3.4:1"], estimate(.endpointIndependent, .equal, ["100.64.3.4"])), .outsideAddress),
            (
                profile(["203.0.113.1:1"], estimate(.addressAndPortDependent, .random(1024...65535), ["203.0.113.1", "203.0.113.2"])),
                .severalAddresses
            ),
        ])
    func carrier(_ profile: NetworkProfile, _ sign: CGNATIndicator?) { #expect(profile.cgnatIndicator(.v4) == sign) }

    @Test(
        "UDP has its own lines, and goes into what the oracle is told",
        arguments: [
            (
                FilteringProfile.DialBackResult.connected, FilteringProfile.DialBackResult.connected, FilteringBehaviour.endpointIndependent,
                "endpoint-independent (every remote endpoint can send to a mapped port)"
            ),
            (.connected, .silence, .addressDependent, "address-dependent (every port of a contacted address can send)"),
            (.silence, .silence, .addressAndPortDependent, "address-and-port-dependent (only contacted endpoints can send)"),
        ])
    func datagrams(
        _ same: FilteringProfile.DialBackResult, _ other: FilteringProfile.DialBackResult, _ behaviour: FilteringBehaviour, _ sentence: String
    ) {
        var profile = Self.kept
        profile.udp = profile.tcp
        profile.udpAllocations = [AllocationProfile(family: .v4, estimate: Self.estimate(.endpointIndependent, .equal))]
        profile.udpFiltering = [FilteringProfile(family: .v4, sameAddress: same, otherAddress: other)]
        let words = CheckReport(profile).words
        #expect(words.contains("UDP port allocation over IPv4: the external port equals the local port"), "\(words)")
        #expect(words.contains("UDP filtering over IPv4: \(sentence)\n"), "\(words)")
        let udp = profile.network(.v4).udp
        #expect(udp?.passes == true && udp?.estimate.allocation == .equal && udp?.filtering == behaviour)
        profile.udp = Self.blocked.tcp
        #expect(profile.network(.v4).udp?.passes == false && Self.kept.network(.v4).udp == nil)
    }

    @Test("where ports are not to be predicted, a NAT that counts is no better than one that draws")
    func withoutPrediction() {
        var profile = Self.counting
        profile.policy.allowsPrediction = false
        #expect(profile.grades.map(\.rating) == [.poor])
        #expect(CheckReport(profile).words.contains("relayed, because the pair needs port prediction, and port prediction is disabled"))
    }

    @Test(
        "what comes in is said as the server met it",
        arguments: [
            (
                FilteringProfile.DialBackResult.silence, FilteringProfile.DialBackResult?.some(.silence),
                "(only contacted endpoints can connect); the NAT or firewall drops other SYNs"
            ),
            (.refused, nil, "(only contacted endpoints can connect); the NAT or firewall answers other SYNs with an RST"),
            (.connected, .refused, "(every port of a contacted address can connect); the NAT or firewall answers other SYNs with an RST"),
            (.connected, nil, "only a server with a second address can distinguish them"),
            (.connected, .connected, "every remote endpoint can connect to a mapped port"),
        ])
    func filtering(_ same: FilteringProfile.DialBackResult, _ other: FilteringProfile.DialBackResult?, _ sentence: String) {
        var profile = Self.kept
        profile.filtering = [FilteringProfile(family: .v4, sameAddress: same, otherAddress: other)]
        profile.hairpin = true
        let words = CheckReport(profile).words
        #expect(words.contains("TCP filtering over IPv4: ") && words.contains(sentence), "\(words)")
        #expect(words.contains("Hairpinning: supported (two hosts behind this NAT can connect through its public address)\n"))
        #expect(profile.grades.map(\.rating) == [same == .connected ? .excellent : .good])
    }

    @Test(
        "what is to be expected of a pair follows from both sides' ports",
        arguments: [
            (kept, PortForecast.Ports?.some(.fixed), "203.0.113.9", "direct in one round, if both NATs support simultaneous open"),
            (kept, .sequential(delta: 2, count: 16, index: 8), "203.0.113.9", "direct by port prediction"),
            (kept, .random(1024...65535, count: 512, isBlock: false), "203.0.113.9", "direct by a birthday search with 896 connections in flight"),
            (counting, .random(1024...65535, count: 512, isBlock: false), "203.0.113.9", "relayed, because the external ports are unpredictable"),
            (kept, .unknown, "203.0.113.9", "unknown, because not enough was measured"),
            (kept, nil, "203.0.113.9", "unknown, because not enough was measured"),
            (kept, .fixed, "203.0.113.1", "On the same link they connect through their host candidates."),
        ])
    func pair(_ profile: NetworkProfile, _ ports: PortForecast.Ports?, _ address: String, _ sentence: String) throws {
        let peer = try PeerID("ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
        let address = try #require(IPAddress(address))
        let told = ports.map { PortForecast(address: address, port: 5000, ports: $0) }
        var report = CheckReport(profile)
        report.pair = PairAssessment(peer, after: .milliseconds(80), own: profile.network(.v4), told: told)
        #expect(report.words.contains("Peer \(peer) answered over a circuit after 80.0 ms"))
        #expect(report.words.contains(sentence), "\(report.words)")
    }

    @Test("the JSON of a pair is this, to the letter, and comes last")
    func pairJSON() throws {
        let peer = try PeerID("ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
        let told = PortForecast(address: try #require(IPAddress("203.0.113.9")), port: 5000, ports: .fixed)
        var report = CheckReport(Self.kept)
        report.pair = PairAssessment(peer, after: .milliseconds(80), own: Self.kept.network(.v4), told: told)
        #expect(
            report.json.line.hasSuffix(
                """
                "improvements": [], "peer": {"id": "\(peer)", "reachable": true, "answered_ms": 80.0, "ports": "fixed", "outside": "203.0.113.9", \
                "shares_address": false, "outcome": "likely", "probability": 0.85, "by": "meet", "reason": null}}
                """))
        report.pair = nil
        report.unanswered = (peer, CommandFailure(CommandFailure.Status.noPeer, "Not there. Look."))
        #expect(report.json.line.hasSuffix(#""peer": {"id": "\#(peer)", "reachable": false, "message": "Not there. Look."}}"#))
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
                "improvements": [{"name": "use-ipv6", "advice": "Enable IPv6 at both peers, because IPv6 needs no NAT."}, \
                {"name": "forward-port", "advice": "Forward the reserved port at the router, or use a router with \
                endpoint-independent mapping (choose the port with --reserved-port)."}]}
                """)
    }
}
