import BodkinCore
import BodkinNATLab
import Testing

extension LabTests {
    /// Faults hit live connections of real stacks.
    @Suite("Faults while the lab runs")
    struct FaultTests {
        /// A connection from `a` to the server through its NAT, both ends in hand.
        private struct Connection: Sendable {
            let lab: Lab
            let client: TCPSocket
            let peer: TCPSocket
            let seenFrom: Endpoint

            /// Sends a byte from the client and says whether it came out at the peer in time.
            func carries(_ patience: Duration = .milliseconds(250)) async throws -> Bool {
                try await lab.host("a").run { _ = client.send([1]) }
                return try await lab.host("server").run { peer.receive(patience)?.isEmpty == false }
            }
        }

        private func withConnection(
            _ preset: NATPreset = .portRestricted, _ implementation: Topology.Implementation = .emulated, _ body: (Connection) async throws -> Void
        ) async throws {
            try await withLab(Laboratory.pair(preset, .open, implementation: implementation)) { lab in
                let connection = try await Self.connect(lab)
                #expect(try await connection.carries())
                try await body(connection)
            }
        }

        private static func connect(_ lab: Lab) async throws -> Connection {
            let server = try lab.host("server")
            let listener = try await server.run { try TCPSocket.listening(on: 443) }
            let target = Endpoint(server.address, 443)
            let client = try await lab.host("a").run {
                let socket = try TCPSocket.connecting(from: 5000, to: target)
                #expect(socket.waitForConnection(.seconds(2)) == .connected)
                return socket
            }
            let accepted = try await server.run { listener.accept(.seconds(2)) }
            let (peer, remote) = try #require(accepted)
            return Connection(lab: lab, client: client, peer: peer, seenFrom: remote)
        }

        @Test("after a NAT reboot a connection is dead where the NAT discards the middle of connections, and alive where it adopts them")
        func reboot() async throws {
            try await withConnection(.portRestricted) { connection in
                try await connection.lab.apply(.reboot("a"))
                #expect(try await !connection.carries())
                #expect(try await connection.lab.table(of: "nat-a")?.sessionCount == 0)
            }
            try await withConnection(.masquerade) { connection in
                try await connection.lab.apply(.reboot("nat-a"))
                #expect(try await connection.carries(.seconds(2)))
            }
        }

        @Test("a kernel NAT that reboots forgets too")
        func kernelReboot() async throws {
            try await withConnection(.portRestricted, .kernel) { connection in
                try await connection.lab.apply(.reboot("a"))
                #expect(try await !connection.carries())
            }
        }

        @Test("after a change of the outside address the old connection is dead and a new one comes from the new address")
        func addressChange() async throws {
            try await withConnection { connection in
                let address = try #require(IPAddress("203.0.113.200"))
                try await connection.lab.apply(.addressChange("a", address))
                #expect(try await !connection.carries())
                let server = try connection.lab.host("server")
                let listener = try await server.run { try TCPSocket.listening(on: 8443) }
                let target = Endpoint(server.address, 8443)
                let fresh = try await connection.lab.host("a").run { () throws -> TCPSocket in
                    let socket = try TCPSocket.connecting(to: target)
                    #expect(socket.waitForConnection(.seconds(2)) == .connected)
                    return socket
                }
                #expect(try await server.run { listener.accept(.seconds(1))?.remote.address } == address)
                withExtendedLifetime(fresh) {}
            }
        }

        @Test("a link that goes down stops everything, and what was sent arrives when it is up again")
        func link() async throws {
            try await withConnection { connection in
                try await connection.lab.apply(.link("a", isUp: false))
                #expect(try await !connection.carries())
                try await connection.lab.apply(.link("a", isUp: true))
                #expect(try await connection.carries(.seconds(5)))
            }
        }

        @Test("a one-way blackhole stops one direction only, and ends by itself")
        func blackhole() async throws {
            try await withConnection { connection in
                try await connection.lab.apply(.blackhole("a", isUpward: false, .milliseconds(700)))
                #expect(try await connection.carries(), "upwards still passes")
                try await connection.lab.host("server").run { _ = connection.peer.send([2]) }
                #expect(try await connection.lab.host("a").run { connection.client.receive(.milliseconds(200)) } == nil)
                #expect(try await connection.lab.host("a").run { connection.client.receive(.seconds(5)) } == [2])
            }
        }

        @Test("a burst of total loss is survived by retransmission")
        func loss() async throws {
            try await withConnection { connection in
                let before = try await connection.lab.counters().lost
                try await connection.lab.apply(.loss("a", 1, .milliseconds(300)))
                #expect(try await connection.carries(.seconds(5)))
                #expect(try await connection.lab.counters().lost > before)
            }
        }

        @Test("an injected RST resets both ends of a connection")
        func reset() async throws {
            try await withConnection { connection in
                try await connection.lab.apply(.reset("a"))
                #expect(try await !connection.carries())
                #expect(try await connection.lab.host("a").run { connection.client.send([1]) } == false)
                #expect(try await connection.lab.host("server").run { connection.peer.send([1]) } == false)
            }
        }

        @Test(
            "an RST from outside ends the session where the NAT says so, and nothing otherwise",
            arguments: [(NATPreset.rstKills, 0), (.portRestricted, 1)])
        func resetKills(_ expected: (preset: NATPreset, sessions: Int)) async throws {
            try await withConnection(expected.preset) { connection in
                try await connection.lab.apply(.reset("a"))
                _ = try await connection.carries()
                #expect(try await connection.lab.table(of: "nat-a")?.sessionCount == expected.sessions)
            }
        }

        @Test(
            "a fault without a target that can have it is refused in one line", arguments: [Fault.reboot("nowhere"), .reboot("b"), .reset("core7")])
        func refused(_ fault: Fault) async throws {
            try await withLab(Laboratory.pair(.portRestricted, .open)) { lab in
                let error = await #expect(throws: LabError.self) { try await lab.apply(fault) }
                #expect(error?.exitStatus == 64)
            }
        }
    }
}
