import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// A link that carries no large packets, and whose ICMP errors do not arrive: a path MTU black hole (RFC 2923 section 2.1).
@Suite(
    "A path MTU black hole", .timeLimit(.minutes(3)),
    .enabled("needs root or an unprivileged user namespace, /dev/net/tun, and nft") { await Laboratory.hasFilter })
struct BlackHoleTests {
    /// The link's MTU, who hears no ICMP, who writes, and the paths that are used.
    struct Member: Sendable, CustomTestStringConvertible {
        let mtu: Int
        let deaf: [String]
        let writer: String
        let paths: Peer.PathPolicy
        var testDescription: String {
            "MTU \(mtu), deaf: \(deaf.joined(separator: ", ")), \(writer) writes\(paths == .relayOnly ? ", by circuit" : "")"
        }

        static var all: [Member] {
            let deaf = [["a"], ["a", "server"], ["a", "b", "server"]]
            return [1300, 1480].flatMap { mtu in deaf.map { Member(mtu: mtu, deaf: $0, writer: "a", paths: .all) } }
                + ["a", "b"].map { Member(mtu: 1480, deaf: ["a", "b", "server"], writer: $0, paths: .relayOnly) }
                + [Member(mtu: 1300, deaf: ["a", "b", "server"], writer: "b", paths: .all)]
        }
    }

    private static let byteCount = 1 << 20

    @Test("is left for smaller segments: what is written arrives within a minute", arguments: Member.all)
    func blackHole(_ member: Member) async throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
        try topology.changeLink("b,mtu=\(member.mtu)")
        try await withPeerLab(topology) { place in
            for name in member.deaf {
                let rules = "table inet m { chain i { type filter hook input priority 0; icmp type destination-unreachable drop; }; }"
                let result = try await place.lab.host(name).run("nft", rules)
                try #require(result.status == 0, "\(result.error)")
            }
            @Sendable func configure(_ configuration: inout Peer.Configuration) {
                (configuration.admission, configuration.paths, configuration.profilesNetwork) = (.anyone, member.paths, false)
            }
            let start = ContinuousClock.now
            try await place.withPeer(in: "b", configure) { called in
                try await place.withPeer(in: "a", configure) { dialer in
                    try await called.registered()
                    try await dialer.registered()
                    let connection = try await dialer.connect(to: called.id)
                    try await connection.write([0])
                    var incoming = called.incoming.makeAsyncIterator()
                    let accepted = try #require(try await incoming.next())
                    _ = try await accepted.read(upTo: 1)
                    let (writer, reader) = member.writer == "a" ? (connection, accepted) : (accepted, connection)
                    async let written: Void = {
                        try await writer.write([UInt8](repeating: 7, count: Self.byteCount))
                        try await writer.finish()
                    }()
                    var count = 0
                    while let piece = try await reader.read() { count += piece.count }
                    try await written
                    #expect(count == Self.byteCount)
                }
            }
            print("\(member.testDescription): \(ContinuousClock.now - start)")
            #expect(ContinuousClock.now - start < .seconds(60))
        }
    }
}

extension Laboratory {
    /// Whether there is a program that loads packet filters.
    static var hasFilter: Bool { get async { await filter.value } }

    private static let filter = Task {
        var topology = Topology(seed: 1)
        topology.addServer()
        return (try? await withLab(topology) { lab in try await lab.host("server").run("nft", "list", "ruleset").status == 0 }) ?? false
    }
}
