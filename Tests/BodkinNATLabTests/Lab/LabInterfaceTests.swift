import BodkinCore
import BodkinNATLab
import Testing

extension LabTests {
    /// Several interfaces, and dual stack with one family broken, on real stacks.
    @Suite("Hosts with two interfaces, and dual stack with one family broken")
    struct LabInterfaceTests {
        /// Host a with eth0 behind one NAT and eth1 behind another.
        private static func twoUplinks(_ implementation: Topology.Implementation = .emulated) -> Topology {
            var topology = Laboratory.pair(.portRestricted, .open, implementation: implementation)
            topology.addInterface(
                to: "a", behind: .masquerade, link: LinkParameters(delay: .milliseconds(10)), implementation: implementation)
            return topology
        }

        /// How a connection from host a to the server went, and whom the server saw.
        private struct Attempt: Sendable, Hashable {
            var outcome: TCPSocket.Outcome
            var seen: IPAddress?
        }

        private static func attempt(
            _ lab: Lab, _ family: IPAddress.Family = .v4, from local: IPAddress? = nil, by device: String? = nil,
            patience: Duration = .milliseconds(400)
        ) async throws -> Attempt {
            let specification = try lab.host("server").specification
            let target = family == .v4 ? specification.addresses[0] : specification.addresses6[0]
            let listener = try await lab.host("server").run { try TCPSocket.listening(on: 443, family) }
            let (outcome, socket) = try await lab.host("a").run {
                let socket = try TCPSocket.connecting(
                    from: Endpoint(local ?? .unspecified(family), 0), to: Endpoint(target, 443), device: device)
                return (socket.waitForConnection(patience), socket)
            }
            let seen = try await lab.host("server").run { listener.accept(.milliseconds(outcome == .connected ? 1000 : 0))?.remote.address }
            withExtendedLifetime(socket) {}
            return Attempt(outcome: outcome, seen: seen)
        }

        @Test(
            "a host with two interfaces reaches the server through both by SO_BINDTODEVICE, and by eth0 when nothing is said",
            arguments: [IPAddress.Family.v4, .v6], Topology.Implementation.allCases)
        func both(_ family: IPAddress.Family, _ implementation: Topology.Implementation) async throws {
            let topology = Self.twoUplinks(implementation)
            let seen = ["a", "a.eth1"].map { family == .v4 ? topology.outsideAddress(of: $0) : topology.interface($0)?.addresses6.first }
            #expect(seen[0] != seen[1])
            try await withLab(topology) { lab in
                for (device, expected) in [(nil, seen[0]), ("eth0", seen[0]), ("eth1", seen[1])] {
                    let attempt = try await Self.attempt(lab, family, by: device, patience: .seconds(2))
                    #expect(attempt == Attempt(outcome: .connected, seen: expected), "by \(device ?? "the default route")")
                }
            }
        }

        @Test("with eth0 dead the other interface still works, and the default route leads nowhere")
        func dead() async throws {
            try await withLab(Self.twoUplinks()) { lab in
                try await lab.apply(.link("a", isUp: false))
                #expect(try await Self.attempt(lab).outcome == .timedOut)
                #expect(try await Self.attempt(lab, by: "eth0").outcome == .timedOut)
                #expect(try await Self.attempt(lab, by: "eth1", patience: .seconds(2)).outcome == .connected)
                try await lab.apply(.link("a", isUp: true))
                try await lab.apply(.link("a.eth1", isUp: false))
                #expect(try await Self.attempt(lab, patience: .seconds(2)).outcome == .connected)
                #expect(try await Self.attempt(lab, by: "eth1").outcome == .timedOut)
            }
        }

        @Test("an address of eth1 alone does not choose the interface: the packet leaves by eth0, whose NAT discards it")
        func foreignSource() async throws {
            let topology = Self.twoUplinks()
            var options = Lab.Options()
            options.isTracing = true
            try await withLab(topology, options: options) { lab in
                let own = try #require(topology.interface("a.eth1")?.addresses.first)
                #expect(try await Self.attempt(lab, from: own).outcome == .timedOut)
                let events = try await lab.takeEvents()
                #expect(events.contains { $0.place == "nat-a" && $0.action == .unroutable && $0.packet?.flow.source.address == own })
                #expect(try await Self.attempt(lab, from: own, by: "eth1", patience: .seconds(2)).outcome == .connected)
            }
        }

        @Test("a NAT made by the kernel translates such a packet, as Linux does, and the answer does not come back")
        func foreignSourceByKernel() async throws {
            let topology = Self.twoUplinks(.kernel)
            var options = Lab.Options()
            options.isTracing = true
            try await withLab(topology, options: options) { lab in
                let (own, outside) = (topology.interface("a.eth1")?.addresses.first, topology.outsideAddress(of: "a"))
                #expect(try await Self.attempt(lab, from: own).outcome == .timedOut)
                let arrived = try await lab.takeEvents().filter { $0.place == "server" && $0.action == .delivered }
                #expect(arrived.contains { $0.packet?.flow.source.address == outside })
            }
        }

        @Test("two interfaces on one LAN both work")
        func oneLAN() async throws {
            var topology = Laboratory.pair(.masquerade, .open)
            let second = topology.addInterface(to: "a", inside: "nat-a")
            var options = Lab.Options()
            options.isTracing = true
            try await withLab(topology, options: options) { lab in
                for device in ["eth0", "eth1"] {
                    let attempt = try await Self.attempt(lab, by: device, patience: .seconds(2))
                    #expect(attempt.outcome == .connected, "by \(device)")
                }
                let own = second.addresses[0]
                let events = try await lab.takeEvents()
                #expect(events.contains { $0.place == "a.eth1" && $0.packet?.flow.source.address == own })
            }
        }

        @Test("programs find every interface in their environment, and an unprivileged one may bind to it")
        func programs() async throws {
            let topology = Self.twoUplinks()
            let interface = try #require(topology.interface("a.eth1"))
            var options = Lab.Options()
            options.isTracing = true
            try await withLab(topology, options: options) { lab in
                let names = ["ADDRESS_ETH1", "ADDRESS6_ETH1", "A_ETH1", "A_ETH1_6", "A_ETH1_OUTSIDE"]
                let echo = try await lab.host("a").run("sh", "-c", "echo " + names.map { "$BODKIN_LAB_\($0)" }.joined(separator: " "))
                let (v4, v6) = ("\(interface.addresses[0])", "\(interface.addresses6[0])")
                let outside = try #require(topology.outsideAddress(of: "a.eth1"))
                #expect(echo.output == "\(v4) \(v6) \(v4) \(v6) \(outside)\n")
                let other = try await lab.host("b").run("sh", "-c", "echo $BODKIN_LAB_ADDRESS_ETH1-$BODKIN_LAB_A_ETH1")
                #expect(other.output == "-\(v4)\n")
                // Nobody needs a capability for SO_BINDTODEVICE (Linux 5.7).
                let sent = try await lab.host("a").run(
                    "sh", "-c",
                    """
                    setpriv --bounding-set=-all --inh-caps=-all sh -c \
                        'grep CapEff /proc/self/status; echo word | socat -u - UDP4-SENDTO:$BODKIN_LAB_SERVER:4000,so-bindtodevice=eth1'
                    """)
                #expect(sent.output.contains("0000000000000000"), "it has capabilities: \(sent)")
                #expect(sent.status == 0, "\(sent)")
                var hasLeft = false
                let end = ContinuousClock.now + .seconds(10)
                while !hasLeft, .now < end {
                    hasLeft = try await lab.takeEvents().contains { $0.place == "a.eth1" && $0.packet?.flow.source.address == interface.addresses[0] }
                    if !hasLeft { try await Task.sleep(for: .milliseconds(10)) }
                }
                #expect(hasLeft, "the word has not left by eth1")
            }
        }

        @Test(
            "with IPv4 broken TCP over IPv6 connects, and over IPv4 gets silence",
            arguments: [NATPreset.open, .portRestricted], Topology.Implementation.allCases)
        func ipv4Broken(_ preset: NATPreset, _ implementation: Topology.Implementation) async throws {
            var topology = Laboratory.pair(preset, .open, implementation: implementation)
            try topology.changeLink("a,broken=ipv4")
            try await withLab(topology) { lab in
                #expect(try await Self.attempt(lab, .v4).outcome == .timedOut)
                let attempt = try await Self.attempt(lab, .v6, patience: .seconds(2))
                #expect(attempt == Attempt(outcome: .connected, seen: topology.host("a")?.addresses6.first))
            }
        }

        @Test("a family breaks and is mended while the lab runs")
        func breaks() async throws {
            try await withLab(Laboratory.pair(.masquerade, .open)) { lab in
                try await lab.apply(try #require(Fault("break:nat-a:ipv6")))
                #expect(try await Self.attempt(lab, .v6).outcome == .timedOut)
                #expect(try await Self.attempt(lab, .v4, patience: .seconds(2)).outcome == .connected)
                try await lab.apply(try #require(Fault("mend:nat-a:ipv6")))
                #expect(try await Self.attempt(lab, .v6, patience: .seconds(2)).outcome == .connected)
            }
        }
    }
}
