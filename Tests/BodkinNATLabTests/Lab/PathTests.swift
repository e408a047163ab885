import BodkinCore
import BodkinNATLab
import Testing

extension LabTests {
    /// What passes through NATs beside TCP connections, on real stacks.
    @Suite("ICMP, hairpin, neighbours, nested NATs, IPv6")
    struct PathTests {
        @Test("path MTU discovery works through two NATs: a large transfer passes a narrow link beyond them")
        func pathMTU() async throws {
            var topology = Laboratory.pair(.cgn, .open)
            try topology.changeLink("server:down,mtu=1280")
            try await withLab(topology) { lab in
                let server = try lab.host("server").start(["sh", "-c", "nc -l 9000 | wc -c"])
                try await lab.waitForPort(9000, on: "server")
                let client = try await lab.host("a").run("sh", "-c", "head -c 500000 /dev/zero | nc -N -w5 $BODKIN_LAB_SERVER 9000")
                #expect(client.status == 0, "\(client.error)")
                #expect(await server.wait().output.contains("500000"))
                let ping = try await lab.host("a").run("sh", "-c", "ping -c1 -W1 -M do -s 1300 $BODKIN_LAB_SERVER")
                #expect((ping.output + ping.error).contains("mtu = 1280") || (ping.output + ping.error).contains("mtu=1280"), "\(ping)")
            }
        }

        @Test("port-unreachable reaches the sender through its NATs, and its TTL errors do", arguments: [NATPreset.masquerade, .cgn])
        func errors(_ preset: NATPreset) async throws {
            try await withLab(Laboratory.pair(preset, .open)) { lab in
                let script = "exec 3<>/dev/udp/$BODKIN_LAB_SERVER/9; echo x >&3; sleep 0.3; echo y >&3"
                let udp = try await lab.host("a").run("bash", "-c", script)
                #expect(udp.error.contains("Connection refused"), "\(udp)")
                let ping = try await lab.host("a").run("sh", "-c", "ping -c1 -W1 -t\(preset.layers.count + 1) $BODKIN_LAB_SERVER")
                #expect(ping.output.contains("Time to live exceeded"), "\(ping.output)")
            }
        }

        @Test("two hosts behind one NAT reach each other by its outside address only where it hairpins", arguments: [true, false])
        func hairpin(_ isOn: Bool) async throws {
            var topology = Laboratory.pair(.fullCone, .open)
            topology.addHost("a2", inside: "nat-a")
            try topology.changeBox("a:hairpin=\(isOn ? "yes" : "no")")
            try await withLab(topology) { lab in
                let outside = try #require(topology.outsideAddress(of: "a"))
                let server = Endpoint(try lab.host("server").address, 443)
                let serving = try await lab.host("server").run { try TCPSocket.listening(on: 443) }
                let listener = try await lab.host("a").run { try TCPSocket.listening(on: 5000) }
                // The mapping that the neighbour is to meet.
                let mapped = try await lab.host("a").run { () throws -> TCPSocket in
                    let socket = try TCPSocket.connecting(from: 5000, to: server)
                    #expect(socket.waitForConnection(.seconds(2)) == .connected)
                    return socket
                }
                let outcome = try await lab.host("a2").run {
                    try TCPSocket.connecting(to: Endpoint(outside, 5000)).waitForConnection(.milliseconds(400))
                }
                #expect(outcome == (isOn ? .connected : .timedOut))
                let neighbour = try await lab.host("a").run { listener.accept(.milliseconds(100))?.remote.address }
                #expect(neighbour == (isOn ? outside : nil), "the neighbour is seen by its external endpoint (RFC 4787 section 6)")
                // Neighbours reach each other directly whatever the NAT does.
                let own = Endpoint(try lab.host("a").address, 5000)
                #expect(try await lab.host("a2").run { try TCPSocket.connecting(to: own).waitForConnection(.seconds(2)) } == .connected)
                withExtendedLifetime((serving, mapped)) {}
            }
        }

        @Test(
            "IPv6 passes untranslated, and an unsolicited connection is refused unless the filter lets it in",
            arguments: [
                (NATPreset.open, true), (.firewall, false), (.portRestricted, false), (.cgn, false),
            ], Topology.Implementation.allCases)
        func ipv6(_ expected: (preset: NATPreset, isReachable: Bool), _ implementation: Topology.Implementation) async throws {
            guard implementation == .emulated || KernelNAT.canExpress(expected.preset) else { return }
            try await withLab(Laboratory.pair(expected.preset, .open, implementation: implementation)) { lab in
                let address = try lab.host("a").specification.addresses6[0]
                let server = try lab.host("server").specification.addresses6[0]
                let listeners = try await (
                    lab.host("a").run { try TCPSocket.listening(on: 5000, .v6) }, lab.host("server").run { try TCPSocket.listening(on: 443, .v6) }
                )
                let outward = try await lab.host("a").run { try TCPSocket.connecting(to: Endpoint(server, 443)).waitForConnection(.seconds(2)) }
                #expect(outward == .connected)
                #expect(try await lab.host("server").run { listeners.1.accept(.seconds(1))?.remote.address } == address)
                let inward = try await lab.host("b").run {
                    try TCPSocket.connecting(to: Endpoint(address, 5000)).waitForConnection(.milliseconds(400))
                }
                #expect(inward == (expected.isReachable ? .connected : .timedOut))
            }
        }

        @Test("the delay of each direction is its own")
        func asymmetricDelay() async throws {
            var topology = Laboratory.pair(.open, .open, delay: .zero)
            try topology.changeLink("a:up,delay=90ms")
            try topology.changeLink("a:down,delay=10ms")
            let ping = try await withLab(topology) { try await $0.host("a").run("sh", "-c", "ping -c3 -i0.2 $BODKIN_LAB_SERVER") }
            let fields = ping.output.split(separator: "=").last?.split(separator: "/").compactMap { Double($0.filter { $0.isNumber || $0 == "." }) }
            let minimum = try #require(fields?.first)
            #expect(minimum >= 100 && minimum < 150, "\(ping.output)")
        }
    }
}

extension Lab {
    /// Waits until something listens on a TCP port of a host.
    func waitForPort(_ port: Int, on name: String) async throws {
        let result = try await host(name).run("sh", "-c", "until ss -Hltn 'sport = :\(port)' | grep -q .; do sleep 0.01; done")
        #expect(result.status == 0)
    }
}
