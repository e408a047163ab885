import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Testing

/// The server sees a peer's reserved port again as soon as there is a way to it.
@Suite(
    "Remapping", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct RemappingTests {
    // The system would hold the former connection's endpoints for a minute and more.
    @Test("a peer whose address goes and comes back has a mapping that the server sees again before the system has given up the former one")
    func addressBack() async throws {
        let link = LinkParameters(delay: .milliseconds(10))
        try await withPeerLab(.pair(.portRestricted, .portRestricted, link: link, seed: 1)) { place in
            let log = EventLog()
            try await place.withPeer(in: "a", log: log) { peer in
                try await peer.registered()
                try await eventually("the mapping") { !log.observed.isEmpty }
                // The system still has the connections of before, and their acknowledgements never come.
                let host = try place.lab.host("a")
                let address = try await host.run("sh", "-c", "ip -4 -o address show dev eth0 | awk '{printf $4}'").output
                let routes = try await host.run("sh", "-c", "ip route show dev eth0 | tac").output
                _ = try await host.run("sh", "-c", "ip address del \(address) dev eth0; sleep 2")
                // Nothing is heard of the server now: what comes after this is new.
                let count = log.registrationCount
                _ = try await host.run(
                    "sh", "-c",
                    """
                    ip address add \(address) dev eth0
                    echo "\(routes)" | while read route; do ip route add $route dev eth0 2>/dev/null; done; true
                    """)
                try await eventually("the mapping") { log.registrationCount > count && !log.observed.isEmpty }
            }
        }
    }
}
