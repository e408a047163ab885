import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import Logging
import Testing

/// What a peer finds out about its network by itself.
@Suite(
    "A network looked at in the background", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct BackgroundProfileTests {
    private static let configure: @Sendable (inout Peer.Configuration) -> Void = {
        $0.admission = .anyone
        $0.profileDelay = .milliseconds(100)
    }

    private static let topology = Topology.pair(.symmetricSequential, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    @Test("is found to be what the lab was told, by some thirty connections, and is remembered when the peer comes back to it")
    func remembered() async throws {
        var options = Lab.Options()
        options.isTracing = true
        try await withPeerLab(Self.topology, options: options) { place in
            let log = EventLog()
            try await place.withPeer(in: "a", log: log, Self.configure) { peer in
                try await eventually("the profile") { log.profiles.count == 1 }
                let first = try #require(log.profiles.first)
                #expect(first.allocation(.v4)?.estimate.allocation == .sequential(delta: 1))
                #expect(first.filtering(.v4)?.behaviour == .addressAndPortDependent)
                #expect(first.nesting?.isNested == false && first.reset(.v4) != nil && first.isRegistered)
                #expect(await peer.networkProfile?.tcp == first.tcp)
                let connections = Set(try await place.lab.packets(from: "a").map(\.flow).filter { $0.transport == .tcp })
                // Beside them the link, the NAT-binding connection, and the 13 of the quick look that comes with the registration.
                #expect(connections.count <= 32 + 15)
                // Another network, as far as the peer can see, with the same way out and outside address.
                let change = try await place.lab.host("a").run("ip", "address", "add", "10.77.77.77/24", "dev", "eth0")
                #expect(change.status == 0)
                try await eventually("the profile once more") { log.profiles.count == 2 }
                // A second look would have asked from another port.
                #expect(log.profiles.last?.tcp == first.tcp)
            }
        }
    }

    @Test("gives way to a dial, and is looked at afterwards")
    func disturbed() async throws {
        try await withPeerLab(Self.topology) { place in
            let log = EventLog()
            try await place.withPeer(in: "a", log: log, Self.configure) { near in
                try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                    try await far.registered()
                    try await near.registered()
                    try await eventually("a look") { try await SocketTable.count(in: "a", of: place.lab) > SocketTable.atRest }
                    #expect(log.profiles.isEmpty)
                    let connection = try await near.connect(to: far.id)
                    #expect(try await connection.settled().route == .direct)
                    try await eventually("the profile") { log.profiles.count == 1 }
                    #expect(log.profiles.first?.allocation(.v4)?.estimate.allocation == .sequential(delta: 1))
                }
            }
        }
    }

    @Test("is said in the warning of a connection that stays relayed, beside the verdict: what would help here")
    func relayed() async throws {
        try await withPeerLab(.pair(.symmetricRandom, .symmetricRandom, link: LinkParameters(delay: .milliseconds(10)), seed: 1)) { place in
            let (events, log) = (EventLog(), LogRecord())
            func configure(_ configuration: inout Peer.Configuration) {
                Self.configure(&configuration)
                configuration.logger = Logger(label: "bodkin") { _ in log.handler }
            }
            try await place.withPeer(in: "a", log: events, configure) { near in
                try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                    try await eventually("the profile") { events.profiles.count == 1 }
                    try await far.registered()
                    let connection = try await near.connect(to: far.id)
                    #expect(try await connection.settled().verdict == .unpredictable)
                    let line = try #require(log.lines.first { $0.message == "relayed" })
                    #expect(line.level == .warning && line.metadata["verdict"] == "unpredictable")
                    let recommendation = try #require(events.profiles.first?.recommendations.first)
                    #expect(line.metadata["here"] == "\(recommendation.advice)")
                }
            }
        }
    }

    @Test("is left alone where that is not wanted, and by a peer that has no reserved port", arguments: [true, false])
    func unwanted(isRelayOnly: Bool) async throws {
        try await withPeerLab(Self.topology) { place in
            let log = EventLog()
            func configure(_ configuration: inout Peer.Configuration) {
                configuration.profileDelay = .zero
                configuration.profilesNetwork = isRelayOnly
                configuration.paths = isRelayOnly ? .relayOnly : .all
                configuration.predictsPorts = false
            }
            try await place.withPeer(in: "a", log: log, configure) { peer in
                try await peer.registered()
                try await eventually("the end of second tries") { try await SocketTable.count(in: "a", of: place.lab) <= SocketTable.atRest }
                for _ in 0..<20 {
                    #expect(try await SocketTable.count(in: "a", of: place.lab) <= SocketTable.atRest)
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(await peer.networkProfile == nil && log.profiles.isEmpty)
            }
        }
    }
}
