import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import FoundationEssentials
import Synchronization
import Testing

extension AbuseTests {
    /// The victim `a` (192.168.11.12, seen as 203.0.113.11) dials `b` (192.168.13.14, seen as 203.0.113.13); the third party is 203.0.113.15.
    @Suite("A server that lies")
    struct LyingServerTests {
        static let third = "203.0.113.15"

        /// What the server says, and which SYNs of `a` that leads to.
        struct Lie: Sendable, CustomTestStringConvertible {
            let testDescription: String
            var lies = LyingServer.Lies()
            /// The addresses that `a` sends SYNs to, beside the server's.
            var targets: [String] = []
            /// Whether the two meet nevertheless.
            var isDirect = false
        }

        private static func endpoint(_ address: String) -> [Endpoint] { ["\(address):4000"].compactMap { Endpoint($0) } }

        static var lies: [Lie] {
            // Without a lie the two meet: the test sees SYNs where there are some.
            var honest = Lie(testDescription: "nothing")
            honest.targets = ["203.0.113.13"]
            honest.isDirect = true
            var elsewhere = Lie(testDescription: "that it saw b at a third party's address")
            elsewhere.lies.observed = { _, _ in endpoint(third) }
            var everywhere = Lie(testDescription: "that it saw everybody everywhere, a third party included")
            everywhere.lies.observed = { _, endpoints in endpoints + endpoint(third) + endpoint("192.168.11.1") + endpoint("127.0.0.1") }
            everywhere.targets = ["203.0.113.13"]
            everywhere.isDirect = true
            // a believes to be where b is, so that b's private address could be its neighbour's. It is on no link of a's.
            var oneNetwork = Lie(testDescription: "that a is in b's network")
            oneNetwork.lies.mapped = { source in Endpoint(IPAddress("203.0.113.13") ?? source.address, source.port) }
            oneNetwork.targets = ["203.0.113.13"]
            var changed = Lie(testDescription: "another address in b's card")
            changed.lies.observed = { _, _ in endpoint(third) }
            changed.lies.card = { _, card in
                var forged = card
                for index in forged.card.indices where forged.card[index...].starts(with: [203, 0, 113]) && index + 3 < forged.card.endIndex {
                    forged.card[index + 3] = 15
                }
                return forged
            }
            return [honest, elsewhere, everywhere, oneNetwork, changed]
        }

        /// The limit of that: what a peer signs of its place outside it has from this very server, while no other one is asked. The operator of the server can
        /// have its own users connect there, with no more than tier 1.
        static var consistentLie: Lie {
            var lie = Lie(testDescription: "to b itself where b is, so that b signs it")
            lie.lies.mapped = { source in
                "\(source.address)" == "203.0.113.13" ? Endpoint(IPAddress(third) ?? source.address, source.port) : source
            }
            lie.targets = [third]
            return lie
        }

        static var topology: Topology {
            var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
            topology.addHost("third", behind: .open)
            return topology
        }

        @Test("alone it cannot aim a SYN", arguments: lies)
        func alone(_ lie: Lie) async throws {
            let packets = try await Self.packets(lie, patience: lie.isDirect ? .seconds(20) : .seconds(2))
            #expect(!packets.destinations.contains { "\($0)" == Self.third || $0.scope != .public })
        }

        @Test("where it has lied to a peer from the start, what that peer signs is fired at like any other candidate, and no more")
        func consistent() async throws {
            let packets = try await Self.packets(Self.consistentLie)
            // Three waits between instants are longer than the second after which the system repeats a SYN.
            let limit = MeetSchedule.instants.count + 3
            #expect(packets.requests.values.allSatisfy { $0 <= limit }, "\(packets.requests)")
        }

        /// What `a` has sent during a dial, once that has ended as the lie says.
        private static func packets(_ lie: Lie, patience: Duration = .seconds(20)) async throws -> [PacketSummary] {
            var options = Lab.Options()
            options.isTracing = true
            return try await withLab(topology, options: options) { lab in
                try await LyingServer.run(in: lab, lie.lies) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    return try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                        func configure(_ configuration: inout Peer.Configuration) {
                            configuration.paths = .directOnly
                            configuration.dialTimeout = patience
                        }
                        return try await place.withPeer(in: "a", configure) { near in
                            try await far.registered()
                            try await near.registered()
                            try await eventually("both NAT-binding connections") { server.state.withLock { $0.observed.count } == 2 }
                            _ = try await lab.takeEvents()
                            let isDirect = (try? await near.connect(to: far.id)) != nil
                            #expect(isDirect == lie.isDirect)
                            let packets = try await lab.packets(from: "a")
                            let address = try lab.host("server").address
                            let targets = Set(packets.requests.keys.map { "\($0.address)" }).subtracting(["\(address)"])
                            #expect(targets == Set(lie.targets), "\(packets.requests)")
                            return packets
                        }
                    }
                }
            }
        }
    }
}
