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

    @Test("ports are searched for also where the side that is to be found has lost its mapping at the Meet, and has another one soon")
    func lostAtMeet() async throws {
        // The new mapping takes two round trips, the other side's forecast is there before.
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(100)))
        topology.addHost("b", behind: .symmetricRandom, link: LinkParameters(delay: .milliseconds(5)))
        try await withPeerLab(topology) { place in
            let log = EventLog()
            try await place.withPeer(in: "a", log: log, { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "b") { near in
                    try await far.registered()
                    try await near.registered()
                    try await eventually("the mapping") { !log.observed.isEmpty }
                    let before = log.observed
                    // It hits the question that every Meet begins with.
                    let server = Endpoint(try place.lab.host("server").address, place.url.stunPort)
                    try await place.lab.apply(.reset("a", remote: server))
                    let report = try await near.connect(to: far.id).settled()
                    #expect(report.rounds > 0, "\(report)")
                    try await eventually("the new mapping") { log.observed != before }
                }
            }
        }
    }
}
