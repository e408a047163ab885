import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// Two hosts behind one outside address that have no link in common, and reach each other all the same.
@Suite(
    "One site", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct OneSiteTests {
    /// How the hosts are attached to their router.
    enum Attachment: String, CaseIterable {
        /// A /32 each, and a default route without a gateway.
        case cloud
        /// Two subnets: nothing is on a host's link but the router.
        case subnets
    }

    private static func script(_ attachment: Attachment, _ address: IPAddress, _ gateway: IPAddress) -> String {
        // IPv6 has public addresses here, which would do.
        let change =
            switch attachment {
            case .cloud: "ip route replace default dev eth0"
            case .subnets: "ip route replace \(gateway) dev eth0; ip route replace default via \(gateway) dev eth0"
            }
        return """
            ip -6 address flush dev eth0; ip address add \(address)/32 dev eth0; ip address del \(address)/24 dev eth0
            \(change)
            """
    }

    @Test("they connect by their private addresses, through a router that does not hairpin", arguments: Attachment.allCases)
    func direct(_ attachment: Attachment) async throws {
        var topology = Topology(seed: 1)
        topology.addServer(link: LinkParameters(delay: .milliseconds(10)))
        topology.addHost("a", behind: .portRestricted)
        topology.addHost("b", inside: "nat-a")
        try await withPeerLab(topology) { place in
            for name in ["a", "b"] {
                let host = try place.lab.host(name)
                let gateway = try #require(host.specification.gateways.first)
                _ = try await host.run("sh", "-c", Self.script(attachment, host.address, gateway))
            }
            let address = try place.lab.host("b").address
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a") { near in
                    try await far.registered()
                    try await near.registered()
                    let connection = try await near.connect(to: far.id)
                    try await connection.write("hello".utf8)
                    let report = try await connection.settled()
                    #expect(report.route == .direct && report.remote?.address == address, "\(report)")
                }
            }
        }
    }
}
