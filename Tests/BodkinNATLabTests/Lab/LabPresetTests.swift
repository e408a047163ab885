import BodkinCore
import BodkinNATLab
import Testing

extension LabTests {
    /// What plain sockets see of each preset, on real TCP stacks.
    @Suite("Every preset, seen with plain sockets")
    struct PresetTests {
        struct Expectation: Sendable, CustomTestStringConvertible {
            var preset: NATPreset
            /// The mapped ports towards three endpoints of the server from local port 5000; nil where the server must not be reached.
            var ports: @Sendable ([UInt16?]) -> Bool
            var fromContact = "silence"
            var fromStranger = "silence"
            var meets = true
            var testDescription: String { preset.rawValue }
        }

        private static func equal(_ ports: [UInt16?]) -> Bool { ports == [5000, 5000, 5000] }
        private static func distinct(_ ports: [UInt16?]) -> Bool { Set(ports.compactMap { $0 }).count == 3 && !ports.contains(5000) }
        private static func rising(by step: Int, exactly: Bool = true) -> @Sendable ([UInt16?]) -> Bool {
            { ports in
                let steps = zip(ports.dropFirst(), ports).map { (Int($0 ?? 0) - Int($1 ?? 0) + 64_512) % 64_512 }
                return steps.count == 2 && steps.allSatisfy { exactly ? $0 == step : $0 >= step && $0 % step == 0 && $0 < 200 * step }
            }
        }

        static let expectations: [Expectation] = [
            Expectation(preset: .open, ports: equal, fromContact: "connected", fromStranger: "connected"),
            Expectation(preset: .firewall, ports: equal),
            Expectation(preset: .fullCone, ports: equal, fromContact: "connected", fromStranger: "connected"),
            Expectation(preset: .restricted, ports: equal, fromContact: "connected"),
            Expectation(preset: .portRestricted, ports: equal),
            Expectation(preset: .portRestrictedRST, ports: equal, fromContact: "ECONNREFUSED", fromStranger: "ECONNREFUSED"),
            Expectation(preset: .portRestrictedICMP, ports: equal, fromContact: "ECONNREFUSED", fromStranger: "ECONNREFUSED"),
            Expectation(preset: .rstKills, ports: equal, fromContact: "ECONNREFUSED", fromStranger: "ECONNREFUSED"),
            Expectation(preset: .randomCone, ports: { Set($0).count == 1 && $0[0] != nil && $0[0] != 5000 }),
            Expectation(preset: .masquerade, ports: equal),
            Expectation(preset: .symmetricSequential, ports: rising(by: 1), meets: false),
            Expectation(preset: .symmetricNoisy, ports: rising(by: 2, exactly: false), meets: false),
            // One local port is nobody's successor: dependent allocation looks random here.
            Expectation(preset: .symmetricDependent, ports: distinct, meets: false),
            Expectation(
                preset: .symmetricBlock,
                ports: { ports in
                    let known = ports.compactMap { $0.map(Int.init) }
                    return distinct(ports) && Set(known.map { ($0 - 1024) / 512 }).count == 1
                }, meets: false),
            Expectation(preset: .symmetricRandom, ports: distinct, meets: false),
            Expectation(preset: .cgn, ports: equal),
            Expectation(preset: .cgnBlock, ports: distinct, meets: false),
            Expectation(preset: .udpBlocked, ports: equal),
            Expectation(preset: .only443, ports: { $0 == [5000, nil, 5000] }, meets: false),
        ]

        @Test("every preset has an expectation")
        func complete() { #expect(Self.expectations.map(\.preset) == NATPreset.allCases) }

        @Test("maps, refuses and meets as its name promises", arguments: expectations)
        func asPromised(_ expectation: Expectation) async throws {
            let topology = Laboratory.pair(expectation.preset, expectation.preset)
            let exercise = try await withLab(topology) { try await PlainExercise.run(in: $0, patience: .milliseconds(300)) }
            for (name, side) in [("a", exercise.a), ("b", exercise.b)] {
                let seen = side.mapped.map { $0.flatMap { Endpoint($0) } }
                #expect(expectation.ports(seen.map { $0?.port }), "\(side.mapped)")
                #expect(seen.compactMap { $0 }.allSatisfy { $0.address == topology.outsideAddress(of: name) })
                #expect(side.echoed)
                #expect(side.fromContact.outcome == expectation.fromContact)
                #expect(side.fromStranger.outcome == expectation.fromStranger)
            }
            #expect(exercise.isConnected == expectation.meets)
        }

        @Test(
            "Linux' own NAT and the emulation agree wherever Linux can express the preset",
            arguments: NATPreset.allCases.filter { KernelNAT.canExpress($0) })
        func kernelAgrees(_ preset: NATPreset) async throws {
            let expectation = try #require(Self.expectations.first { $0.preset == preset })
            let topology = Laboratory.pair(preset, preset, implementation: .kernel)
            let exercise = try await withLab(topology) { try await PlainExercise.run(in: $0, patience: .milliseconds(300)) }
            for side in [exercise.a, exercise.b] {
                #expect(expectation.ports(side.mapped.map { $0.flatMap { Endpoint($0) }?.port }), "\(side.mapped)")
                #expect(side.echoed)
                #expect(side.fromContact.outcome == expectation.fromContact)
                #expect(side.fromStranger.outcome == expectation.fromStranger)
            }
            #expect(exercise.isConnected == expectation.meets)
        }

        /// The one disagreement between Linux and endpoint-independent mapping with equal ports: docs/lab.md explains it.
        @Test(
            "where two internal hosts want one port, Linux and masquerade share it among remotes; endpoint-independent mapping cannot",
            arguments: [
                (NATPreset.masquerade, Topology.Implementation.kernel, true), (.masquerade, .emulated, true), (.portRestricted, .kernel, true),
                (.portRestricted, .emulated, false),
            ])
        func overloading(_ expected: (preset: NATPreset, implementation: Topology.Implementation, isShared: Bool)) async throws {
            var topology = Laboratory.pair(expected.preset, .open, implementation: expected.implementation)
            topology.addHost("a2", inside: "nat-a")
            try await withLab(topology) { lab in
                var ports: [UInt16] = []
                for (name, port) in [("a", UInt16(443)), ("a2", 8443)] {
                    let target = Endpoint(try lab.host("server").address, port)
                    let listener = try await lab.host("server").run { try TCPSocket.listening(on: port) }
                    let client = try await lab.host(name).run { try TCPSocket.connecting(from: 5000, to: target) }
                    let accepted = try await lab.host("server").run { listener.accept(.seconds(2)) }
                    ports.append(try #require(accepted).remote.port)
                    withExtendedLifetime(client) {}
                }
                #expect(ports[0] == 5000)
                #expect((ports[1] == 5000) == expected.isShared, "\(ports)")
            }
        }
    }
}
