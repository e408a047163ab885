import BodkinExercise
import BodkinNATLab
import BodkinServer
import Testing

/// What `bodkin check` says of networks of which it is known what they are.
@Suite(
    // One after the other: a dozen at once on two processors measure the machine.
    "bodkin check in the lab", .serialized,
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CheckProgramTests {
    /// A kind of NAT, and what is to be found: how it gives out ports, in what steps, whether a mapping is kept, and the grade.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let layers: [NATParameters]
        let kind: String
        let delta: Int?
        let isKept: Bool
        let grade: String

        init(_ name: String, _ layers: [NATParameters], _ kind: String, _ delta: Int? = nil, isKept: Bool, _ grade: String) {
            (testDescription, self.layers, self.kind, self.delta, self.isKept, self.grade) = (name, layers, kind, delta, isKept, grade)
        }

        /// What the strictest of the boxes lets in, and what the outermost answers the rest with.
        var filtering: (behaviour: String, same: String, other: String) {
            let refusal =
                switch layers.last?.tcp.unsolicited {
                // An ICMP error that says the port is closed looks like an RST to the server's system.
                case .reset?, .unreachable?: "refused"
                case .silence?, nil: "silence"
                }
            return switch strictest(of: \.tcp) {
            case .addressAndPortDependent: ("address-and-port-dependent", refusal, refusal)
            case .addressDependent: ("address-dependent", "connected", refusal)
            case .endpointIndependent: ("endpoint-independent", "connected", "connected")
            }
        }

        /// The same of UDP, where nothing is refused; nil where it is blocked.
        var datagrams: (behaviour: String, same: String, other: String)? {
            guard layers.allSatisfy({ $0.udp.allowedPorts == nil }) else { return nil }
            return switch strictest(of: \.udp) {
            case .addressAndPortDependent: ("address-and-port-dependent", "silence", "silence")
            case .addressDependent: ("address-dependent", "connected", "silence")
            case .endpointIndependent: ("endpoint-independent", "connected", "connected")
            }
        }

        private func strictest(of transport: KeyPath<NATParameters, TransportBehaviour>) -> Filtering {
            [.addressAndPortDependent, .addressDependent].first { filtering in layers.contains { $0[keyPath: transport].filtering == filtering } }
                ?? .endpointIndependent
        }

        init(_ preset: NATPreset, _ kind: String, _ delta: Int? = nil, isKept: Bool, _ grade: String) {
            self.init(preset.rawValue, preset.layers, kind, delta, isKept: isKept, grade)
        }

        init(_ name: String, _ kind: String, _ delta: Int? = nil, isKept: Bool, _ grade: String) {
            self.init(name, NATConfiguration(rawValue: name)?.layers ?? [], kind, delta, isKept: isKept, grade)
        }
    }

    static let presets: [Case] = [
        Case(.open, "equal", isKept: true, "excellent"), Case(.firewall, "equal", isKept: true, "good"),
        Case(.fullCone, "equal", isKept: true, "excellent"), Case(.restricted, "equal", isKept: true, "excellent"),
        Case(.portRestricted, "equal", isKept: true, "good"), Case(.portRestrictedRST, "equal", isKept: true, "good"),
        Case(.portRestrictedICMP, "equal", isKept: true, "good"), Case(.rstKills, "equal", isKept: true, "good"),
        Case(.randomCone, "random", isKept: true, "good"), Case(.masquerade, "equal", isKept: true, "good"),
        Case(.symmetricSequential, "sequential", 1, isKept: false, "fair"), Case(.symmetricNoisy, "sequential", 2, isKept: false, "fair"),
        Case(.symmetricDependent, "dependent", 1, isKept: false, "fair"), Case(.symmetricBlock, "block", isKept: false, "fair"),
        Case(.symmetricRandom, "random", isKept: false, "poor"), Case(.cgn, "equal", isKept: true, "good"),
        Case(.cgnBlock, "block", isKept: false, "fair"), Case(.udpBlocked, "equal", isKept: true, "good"),
    ]

    static let configurations: [Case] = [
        Case("full-cone/random", "random", isKept: true, "excellent"),
        Case("restricted/preserving", "preserving", isKept: true, "excellent"),
        Case("port-restricted/independent", "sequential", 1, isKept: true, "good"),
        Case("port-restricted/dependent", "dependent", 1, isKept: true, "good"), Case("symmetric/equal", "equal", isKept: true, "good"),
        Case("symmetric/preserving", "preserving", isKept: false, "fair"), Case("symmetric/independent", "sequential", 1, isKept: false, "fair"),
        Case("symmetric/dependent", "dependent", 1, isKept: false, "fair"), Case("symmetric/random", "random", isKept: false, "poor"),
        Case("blocked/equal", "equal", isKept: true, "good"),
    ]

    @Test("says what the lab was told, of each kind of NAT", .timeLimit(.minutes(1)), arguments: presets + configurations)
    func found(_ expected: Case) async throws {
        let output = try await CheckProgram.check(expected.layers)
        let allocation = try #require(output.allocation.first)
        #expect(output.allocation.count == 1 && output.server.reachable)
        #expect(allocation.kind == expected.kind && allocation.delta == expected.delta && allocation.kept == expected.isKept, "\(allocation)")
        #expect(output.grades.map(\.grade) == [expected.grade])
        #expect(output.grades.first?.with.map(\.far) == ["public", "port-keeping", "symmetric-counting", "symmetric-random"])
        #expect(allocation.carrier == (expected.kind == "block" ? "port-block" : expected.layers.count > 1 ? "hop-address" : nil))
        #expect(allocation.outside.count == 1)
        let filtering = try #require(output.filtering.first)
        let truth = expected.filtering
        #expect(filtering.behaviour == truth.behaviour && filtering.sameAddress == truth.same && filtering.otherAddress == truth.other)
        try found(expected, overUDP: output)
        let nats = expected.layers.count(where: \.translates)
        #expect(output.nesting?.nats == nats && output.nesting?.further == (nats > 1) && output.nesting?.outsideHop == nats)
        // Two ports of a machine without a NAT have nothing to be led back by; and where ports are not kept it is not looked at.
        #expect(output.hairpin == (expected.isKept && expected.layers.contains(where: \.translates) ? false : nil))
    }

    /// UDP is mapped like TCP in all of these.
    private func found(_ expected: Case, overUDP output: CheckOutput) throws {
        guard let datagrams = expected.datagrams else {
            #expect(output.udp.map(\.mapping) == ["blocked"] && output.udpAllocation.isEmpty && output.udpFiltering.isEmpty)
            return
        }
        let allocation = try #require(output.udpAllocation.first)
        #expect(
            output.udpAllocation.count == 1 && allocation.kind == expected.kind && allocation.delta == expected.delta
                && allocation.kept == expected.isKept, "\(allocation)")
        let filtering = try #require(output.udpFiltering.first)
        #expect(filtering.behaviour == datagrams.behaviour && filtering.sameAddress == datagrams.same && filtering.otherAddress == datagrams.other)
    }

    @Test("a NAT that leads back inside is seen to do so", arguments: [PortAllocation.equal, .random])
    func hairpin(_ allocation: PortAllocation) async throws {
        var box = NATParameters()
        box.hairpin = true
        box.tcp.allocation = allocation
        #expect(try await CheckProgram.check([box]).hairpin == true)
    }

    @Test("a server with one address tells only whether another port of its own is let in", arguments: [NATPreset.fullCone, .portRestricted])
    func filteringFromOneAddress(_ preset: NATPreset) async throws {
        let filtering = try #require(try await CheckProgram.check(preset.layers, hasSecondAddress: false).filtering.first)
        #expect(filtering.otherAddress == nil)
        #expect(filtering.behaviour == (preset == .fullCone ? "address-dependent" : "address-and-port-dependent"))
    }

    @Test("of a server with one address learns what two of its ports tell", arguments: [NATPreset.randomCone, .symmetricRandom])
    func oneAddress(_ preset: NATPreset) async throws {
        let allocation = try #require(try await CheckProgram.check(preset.layers, hasSecondAddress: false).allocation.first)
        #expect(allocation.kind == "random" && allocation.kept == (preset == .randomCone))
    }

    @Test("an address-dependent mapping shows at a server with two addresses")
    func addressDependent() async throws {
        var box = NATParameters()
        box.tcp.mapping = .addressDependent
        box.tcp.allocation = .random
        let allocation = try #require(try await CheckProgram.check([box]).allocation.first)
        #expect(allocation.kind == "random" && allocation.kept == false)
    }

    @Test("several outside addresses are all named, and make ports that change hopeless but for public peers")
    func pool() async throws {
        var box = NATPreset.symmetricSequential.layers[0]
        box.pool = .arbitrary(4)
        let output = try await CheckProgram.check([box])
        let allocation = try #require(output.allocation.first)
        #expect(allocation.outside.count > 1 && allocation.carrier == "several-addresses")
        #expect(output.grades.map(\.grade) == ["poor"])
        #expect(output.grades.first?.with.map(\.outcome) == ["certain", "circuit", "circuit", "circuit"])
        #expect(output.improvements.map(\.name).contains("ask-provider"))
    }
}
