import BodkinExercise
import BodkinNATLab
import FoundationEssentials
import Testing

/// What `bodkin check` says of what an RST from outside deletes.
@Suite(
    "bodkin check and RSTs in the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CheckResetTests {
    /// A NAT, and what is to be found.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var layers: [NATParameters]
        let loss: String?
        let keepsEndpoint: Bool?
        let sparesOthers: Bool?

        init(_ name: String, _ layers: [NATParameters], _ loss: String?, keeps: Bool?, spares: Bool?) {
            (testDescription, self.layers, self.loss, keepsEndpoint, sparesOthers) = (name, layers, loss, keeps, spares)
        }
    }

    private static func box(
        _ mapping: Mapping, _ allocation: PortAllocation, _ effect: ResetEffect, _ midstream: MidstreamPolicy = .discard
    ) -> NATParameters {
        var box = NATParameters()
        (box.tcp.mapping, box.tcp.allocation, box.resetEffect, box.midstream) = (mapping, allocation, effect, midstream)
        return box
    }

    private static let session = ResetEffect.session(after: .zero)
    private static let mapping = ResetEffect.mapping(after: .zero)

    static let drawn: [Case] = [
        Case("random, nothing", [box(.endpointIndependent, .random, .none)], "nothing", keeps: true, spares: true),
        Case("random, session", [box(.endpointIndependent, .random, session)], "session", keeps: false, spares: true),
        Case("random, mapping", [box(.endpointIndependent, .random, mapping)], "mapping", keeps: false, spares: false),
        Case("random, mapping, adopting", [box(.endpointIndependent, .random, mapping, .adopt)], "mapping", keeps: false, spares: false),
        Case("sequential, nothing", [box(.endpointIndependent, .sequential(delta: 1), .none)], "nothing", keeps: true, spares: true),
        Case("sequential, session", [box(.endpointIndependent, .sequential(delta: 2), session)], "session", keeps: false, spares: true),
        Case("sequential, mapping", [box(.endpointIndependent, .sequential(delta: 1), mapping)], "mapping", keeps: false, spares: false),
        Case("block, session", [box(.endpointIndependent, .block(size: 512, isRandom: true), session)], "session", keeps: false, spares: true),
        Case("at home behind a carrier", [NATParameters(), box(.endpointIndependent, .random, session)], "session", keeps: false, spares: true),
    ]

    static let following: [Case] = [
        Case("rst-kills", NATPreset.rstKills.layers, nil, keeps: true, spares: true),
        Case("equal, nothing", [NATParameters()], nil, keeps: true, spares: true),
        Case("equal, mapping", [box(.endpointIndependent, .equal, mapping)], "mapping", keeps: true, spares: false),
        Case("equal, mapping, adopting", [box(.endpointIndependent, .equal, mapping, .adopt)], nil, keeps: true, spares: true),
        Case("preserving, session", [box(.endpointIndependent, .preserving, session)], nil, keeps: true, spares: true),
        Case("preserving, mapping", [box(.endpointIndependent, .preserving, mapping)], "mapping", keeps: true, spares: false),
        Case(
            "a mapping at home, behind a carrier that draws",
            [box(.endpointIndependent, .equal, mapping), box(.endpointIndependent, .random, .none)],
            nil, keeps: true, spares: false),
    ]

    static let symmetric: [Case] = [
        Case("symmetric, nothing", [box(.addressAndPortDependent, .random, .none)], nil, keeps: nil, spares: true),
        Case("symmetric, session", [box(.addressAndPortDependent, .sequential(delta: 1), session)], nil, keeps: nil, spares: true),
        Case("masquerade", NATPreset.masquerade.layers, nil, keeps: true, spares: true),
        Case("address-dependent, mapping", [box(.addressDependent, .random, mapping)], "mapping", keeps: nil, spares: false),
    ]

    @Test("says what an RST deletes, and where that does not show says so", arguments: drawn + following + symmetric)
    func found(_ expected: Case) async throws {
        let output = try await CheckProgram.check(expected.layers)
        let reset = try #require(output.reset.first)
        #expect(output.reset.count == 1 && reset.loss == expected.loss, "\(reset)")
        #expect(reset.keepsEndpoint == expected.keepsEndpoint && reset.sparesOthers == expected.sparesOthers, "\(reset)")
    }

    @Test("Linux's own NAT loses nothing at once, and more is not said of it", arguments: [NATPreset.masquerade, .symmetricRandom])
    func kernel(_ preset: NATPreset) async throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: preset, implementation: .kernel)
        let output = try await withPeerLab(topology) { place in
            let result = try await CheckProgram.run(["check", "--json"], in: "a", of: place)
            return try JSONDecoder().decode(CheckOutput.self, from: Data(result.output.utf8))
        }
        #expect(output.reset.map(\.loss) == [nil] && output.reset.map(\.sparesOthers) == [true])
        #expect(output.reset.map(\.keepsEndpoint) == [preset == .masquerade ? true : nil])
    }

    @Test(
        "a server with one address has enough STUN ports for it",
        arguments: [("nothing", ResetEffect.none), ("session", session), ("mapping", mapping)])
    func oneAddress(_ loss: String, _ effect: ResetEffect) async throws {
        let output = try await CheckProgram.check([Self.box(.endpointIndependent, .random, effect)], hasSecondAddress: false)
        #expect(output.reset.map(\.loss) == [loss])
    }

    @Test("where there is no NAT there is nothing to lose", arguments: [NATPreset.open, .firewall])
    func noNAT(_ preset: NATPreset) async throws {
        #expect(try await CheckProgram.check(preset.layers).reset.isEmpty)
    }
}
