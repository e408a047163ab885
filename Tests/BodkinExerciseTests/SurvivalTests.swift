import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinTransport
import Testing

/// Connections go on when what they run on dies.
@Suite(
    "Survival", .serialized, .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct SurvivalTests {
    private static func topology(_ rate: Int? = nil, seed: UInt64 = 1) -> Topology {
        Survival.Settings.topology(delay: .milliseconds(10), rate: rate, seed: seed)
    }

    /// Those that a system does something of its own about: it gives the bytes of a silent path up, reads an RST, loses an address, has its connections to the
    /// server refused. ``VirtualPauseTests`` try every death of either side in virtual time.
    @Test("a conversation in both directions goes on, whatever kills its path", arguments: [PathDeath.rebootNear, .reset, .interface, .server])
    func death(_ death: PathDeath) async throws {
        var settings = Survival.Settings(byteCount: 4 << 20, deaths: [(.milliseconds(300), death)], topology: Self.topology(20_000_000))
        settings.outlastsDeaths = true
        let result = try await Survival.run(settings)
        #expect(result.isWhole && result.received == (4 << 20, 4 << 20))
        #expect(result.deaths.near + result.deaths.far > 0, "nothing died")
    }

    @Test("48 MiB in each direction arrive whole over ten deaths, of every kind at random moments")
    func ten() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        let deaths = Survival.Settings.schedule(10, every: .milliseconds(1500), seed: seed)
        var settings = Survival.Settings(byteCount: 48 << 20, deaths: deaths, topology: Self.topology(30_000_000, seed: seed))
        settings.outlastsDeaths = true
        let result = try await Survival.run(settings)
        #expect(result.isWhole, "seed \(seed)")
        #expect(result.kills == 10 && result.deaths.near + result.deaths.far >= result.kills, "seed \(seed): \(result)")
    }

    @Test("a path that dies while nobody says anything is found when either end writes", arguments: ["a", "b"])
    func idle(_ writer: String) async throws {
        try await withPeerLab(Self.topology()) { place in
            try await place.withConnection { connection, accepted in
                try await place.lab.apply(.reboot(writer))
                let (from, to) = writer == "a" ? (connection, accepted) : (accepted, connection)
                try await from.write("still there?".utf8)
                #expect(try await to.read() == Array("still there?".utf8))
                try await to.write("yes".utf8)
                #expect(try await from.read() == Array("yes".utf8))
            }
        }
    }

    @Test("a link of 48 kbit/s, on which a record takes longer than an answer may, is not taken for dead")
    func slow() async throws {
        try await withPeerLab(Self.topology(48_000)) { place in
            try await place.withConnection { connection, accepted in
                let bytes = [UInt8](repeating: 7, count: 34_000)
                try await connection.write(bytes)
                try await connection.finish()
                var count = 0
                for try await piece in accepted.bytes { count += piece.count }
                #expect(count == bytes.count)
                let deaths = [await connection.report.pathDeaths, await accepted.report.pathDeaths]
                #expect(deaths == [0, 0])
            }
        }
    }

    @Test("a peer that is gone for good is given up after the time that was set, with an error that says so")
    func gone() async throws {
        try await withPeerLab(Self.topology()) { place in
            try await place.withPeer(in: "a", { $0.pathlessLifetime = .seconds(2) }) { near in
                let connection = try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                    try await far.registered()
                    try await near.registered()
                    let connection = try await near.connect(to: far.id)
                    try await connection.write("hello".utf8)
                    _ = try await connection.settled()
                    try await place.lab.apply(.blackhole("b", isUpward: true, .seconds(60)))
                    try await place.lab.apply(.blackhole("b", isUpward: false, .seconds(60)))
                    return connection
                }
                let start = ContinuousClock.now
                try await connection.write("anybody?".utf8)
                let error = await #expect(throws: ConnectionError.self) { try await connection.read() }
                #expect("\(error.map { "\($0)" } ?? "")".contains("no path to the peer for 2 s"), "\(error.map { "\($0)" } ?? "")")
                #expect(ContinuousClock.now - start < .seconds(20))
            }
        }
    }

    @Test("a NAT that forgets the connection to the server in the middle of its handshake holds a peer up, and no more")
    func forgottenHandshake() async throws {
        // One way takes 100 ms: TCP is up after 200, TLS after 400.
        let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(100)), seed: 1)
        try await withPeerLab(topology) { place in
            try await place.withPeer(in: "a") { peer in
                try await Task.sleep(for: .milliseconds(280))
                try await place.lab.apply(.reboot("a"))
                try await peer.registered()
            }
        }
    }

    @Test("who sits on a silent circuit notices that its own link to the server dies, also when that had just answered")
    func circuit() async throws {
        try await withPeerLab(Self.topology()) { place in
            let log = EventLog()
            try await place.withPeer(in: "b", log: log, { ($0.admission, $0.paths) = (.anyone, .relayOnly) }) { far in
                try await place.withPeer(in: "a", { $0.paths = .relayOnly }) { near in
                    try await far.registered()
                    let connection = try await near.connect(to: far.id)
                    try await connection.write("hello".utf8)
                    var incoming = far.incoming.makeAsyncIterator()
                    let accepted = try #require(try await incoming.next())
                    _ = try await accepted.read()
                    for way in PathDeath.waysOut { try await place.lab.apply(.blackhole(way, isUpward: true, .seconds(2))) }
                    try await accepted.write("still there?".utf8)
                    // The answer is late, and the server has said that it is there.
                    try await Task.sleep(for: .seconds(1))
                    try await place.lab.apply(.reboot("b"))
                    let reason = try await eventually("the circuit's end") { log.lostPaths.first }
                    #expect(!reason.contains("nothing came"), "\(reason)")
                    #expect(try await connection.read() == Array("still there?".utf8))
                }
            }
        }
    }

    @Test("a connection that stays relayed moves to a direct path as soon as the network allows one")
    func upgrade() async throws {
        // By eth0 alone there is none: a symmetric NAT towards a port-restricted one. By eth1 there is.
        let link = LinkParameters(delay: .milliseconds(10))
        var topology = Topology.pair(.symmetricRandom, .portRestricted, link: link, seed: 3)
        topology.addInterface(to: "a", behind: .open, link: link.half)
        try await withPeerLab(topology) { place in
            let host = try place.lab.host("a")
            let address = try await host.run("sh", "-c", "ip -4 -o address show dev eth1 | awk '{printf $4}'").output
            let routes = try await host.run("sh", "-c", "ip route show dev eth1").output.split(separator: "\n")
            _ = try await host.run("ip", "address", "del", address, "dev", "eth1")
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", { $0.predictsPorts = false }) { near in
                    try await far.registered()
                    try await near.registered()
                    let connection = try await near.connect(to: far.id)
                    try await connection.write("hello".utf8)
                    let report = try await connection.settled()
                    #expect(report.route == .circuit && report.verdict == .silent, "\(report)")
                    let start = ContinuousClock.now
                    _ = try await host.run("ip", "address", "add", address, "dev", "eth1")
                    // The gateway's own route first.
                    for route in routes.reversed() { _ = try await host.run("sh", "-c", "ip route add \(route) dev eth1") }
                    try await eventually("the direct path") { await connection.report.route == .direct }
                    #expect(await connection.report.verdict == nil)
                    #expect(ContinuousClock.now - start < .seconds(15), "half a minute is when it would be tried anyway")
                }
            }
        }
    }
}
