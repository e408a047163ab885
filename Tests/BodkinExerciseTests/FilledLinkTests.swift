import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Synchronization
import Testing

/// A slow link that somebody else fills: its queue holds seconds, and everything behind it is late.
@Suite(
    "A filled link", .timeLimit(.minutes(3)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct FilledLinkTests {
    /// The link that is filled, and what it carries.
    struct Member: Sendable, CustomTestStringConvertible {
        let host: String
        let direction: String
        let paths: Peer.PathPolicy
        let rate: String
        /// Whether the queue is filled until it drops packets of any sender.
        var isOverfilled = false
        var testDescription: String {
            "\(rate)bit/s \(direction) of \(host), \(paths == .relayOnly ? "circuit" : "direct")\(isOverfilled ? ", overfilled" : "")"
        }

        static var all: [Member] {
            let links = ["a", "b"].flatMap { host in ["up", "down"].map { (host, $0) } }
            return [Peer.PathPolicy.all, .relayOnly].flatMap { paths in
                links.map { Member(host: $0.0, direction: $0.1, paths: paths, rate: "512k") }
                    + ["256k", "1M"].map { Member(host: "a", direction: "up", paths: paths, rate: $0) }
                    + [Member(host: "a", direction: "up", paths: paths, rate: "512k", isOverfilled: true)]
            }
        }
    }

    private static let time = Duration.seconds(20)

    /// A queue that is full drops whatever comes, also what is sent once more. A path may be replaced then by one that is made when the queue is short.
    @Test("ends no path where it drops nothing: a conversation goes on over the one that it has, and in any case goes on", arguments: Member.all)
    func filled(_ member: Member) async throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        try topology.changeLink("\(member.host):\(member.direction),rate=\(member.rate)")
        try await withPeerLab(topology) { place in
            // BBR would leave the queue short.
            for name in ["a", "b", "server"] {
                let result = try await place.lab.host(name).run("sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno")
                try #require(result.status == 0, "\(result.error)")
            }
            let (near, far) = (EventLog(), EventLog())
            try await place.withPeer(in: "b", log: far, { Self.configure(&$0, member) }) { called in
                try await place.withPeer(in: "a", log: near, { Self.configure(&$0, member) }) { dialer in
                    try await called.registered()
                    try await dialer.registered()
                    let connection = try await dialer.connect(to: called.id)
                    let echoed = try await Self.converse(connection, called) { try await Self.fill(member, in: place.lab) }
                    #expect(echoed)
                }
            }
            if !member.isOverfilled { #expect(near.lostPaths.isEmpty && far.lostPaths.isEmpty, "\(near.all) \(far.all)") }
        }
    }

    private static func configure(_ configuration: inout Peer.Configuration, _ member: Member) {
        (configuration.admission, configuration.paths, configuration.profilesNetwork) = (.anyone, member.paths, false)
    }

    /// Somebody else's transfer by TCP over the link, for a while. The queue is of 256 KiB.
    private static func fill(_ member: Member, in lab: Lab) async throws {
        let (host, server) = (try lab.host(member.host), try lab.host("server"))
        let (from, to) = ("OPEN:/dev/zero", "OPEN:/dev/null")
        let buffer = member.isOverfilled ? "" : ",sndbuf=98304"
        let listener = "TCP-LISTEN:4437,reuseaddr\(buffer)"
        let sink = try server.start(["socat", "-u"] + (member.direction == "up" ? [listener, to] : [from, listener]))
        _ = try await server.run("sh", "-c", "until ss -Hltn 'sport = :4437' | grep -q .; do sleep 0.05; done")
        let remote = "TCP:\(server.address):4437\(buffer)"
        let source = try host.start(["socat", "-u"] + (member.direction == "up" ? [from, remote] : [remote, to]))
        try await Task.sleep(for: time)
        source.kill()
        sink.kill()
    }

    /// Writes a line every tenth of a second while `body` runs and has it echoed: whether every byte came back.
    private static func converse(_ connection: Connection, _ called: Peer, while body: @Sendable @escaping () async throws -> Void) async throws
        -> Bool
    {
        let line = Array("a line of a conversation\n".utf8)
        let end = ConversationEnd()
        async let echo: Void = {
            for try await accepted in called.incoming {
                while let piece = try await accepted.read() { try await accepted.write(piece) }
                return try await accepted.finish()
            }
        }()
        async let filled: Void = {
            defer { end.come() }
            try await connection.write(line)
            _ = try await connection.settled()
            try await body()
        }()
        async let written: Int = {
            var count = line.count
            while !end.hasCome {
                try await connection.write(line)
                count += line.count
                try await Task.sleep(for: .milliseconds(100))
            }
            try await connection.finish()
            return count
        }()
        var received: [UInt8] = []
        while let piece = try await connection.read() { received += piece }
        _ = try await (echo, filled)
        return try await received.count == written && received.enumerated().allSatisfy { line[$0.offset % line.count] == $0.element }
    }
}

/// When a conversation is to end.
private final class ConversationEnd: Sendable {
    private let state = Mutex(false)
    var hasCome: Bool { state.withLock { $0 } }
    func come() { state.withLock { $0 = true } }
}
