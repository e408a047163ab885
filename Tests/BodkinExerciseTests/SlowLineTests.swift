import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// Modems and mobile networks at their edge: an idle path on them is as long-lived as any.
@Suite(
    "A slow line", .timeLimit(.minutes(4)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct SlowLineTests {
    /// Whose links are slow, in both directions.
    struct Member: Sendable, CustomTestStringConvertible {
        let rate: String
        let hosts: [String]
        var testDescription: String { "\(rate)bit/s at \(hosts.joined(separator: " and "))" }
        static let all =
            ["16k", "32k", "64k"].flatMap { rate in ["a", "b"].map { Member(rate: rate, hosts: [$0]) } }
            + ["32k", "64k"].map { Member(rate: $0, hosts: ["a", "b"]) }
    }

    /// Longer than the first three keepalives, than the time for which a NAT keeps a connection after an RST, and than the delay of a background probe.
    private static let idleTime = Duration.seconds(60)

    @Test("keeps an idle direct path, though several SYNs were under way for it at once", arguments: Member.all)
    func idle(_ member: Member) async throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        for host in member.hosts { try topology.changeLink("\(host),rate=\(member.rate)") }
        try await withPeerLab(topology) { place in
            let (near, far) = (EventLog(), EventLog())
            try await place.withPeer(in: "b", log: far, { $0.admission = .anyone }) { called in
                try await place.withPeer(in: "a", log: near) { dialer in
                    try await called.registered()
                    try await dialer.registered()
                    let connection = try await dialer.connect(to: called.id)
                    try await connection.write("hello".utf8)
                    var incoming = called.incoming.makeAsyncIterator()
                    let accepted = try #require(try await incoming.next())
                    #expect(try await accepted.read() == Array("hello".utf8))
                    // The instants of a first dial are closer than a handshake on the slowest lines.
                    try await eventually("a direct path", seconds: 60) { near.hasBeenDirect }
                    try await Task.sleep(for: Self.idleTime)
                    try await connection.write("still there?".utf8)
                    #expect(try await accepted.read() == Array("still there?".utf8))
                    try await accepted.write("yes".utf8)
                    #expect(try await connection.read() == Array("yes".utf8))
                    #expect(near.circuitReturnCount == 0 && near.lostPaths.isEmpty && far.lostPaths.isEmpty, "\(near.all) \(far.all)")
                }
            }
        }
    }

    /// A transfer whose last bytes are long under way.
    struct Transfer: Sendable, CustomTestStringConvertible {
        let rate: Int
        let link: String
        let paths: Peer.PathPolicy
        var testDescription: String { "\(rate / 1_000) kbit/s \(link), \(paths == .relayOnly ? "circuit" : "direct")" }
        static let all = [Peer.PathPolicy.all, .relayOnly].flatMap { paths in
            [(64_000, "a:up"), (64_000, "b:down"), (100_000, "a:up"), (256_000, "a:up")].map { Transfer(rate: $0.0, link: $0.1, paths: paths) }
        }
    }

    @Test("carries a transfer to its end: closing waits for that, and says that everything was read", arguments: Transfer.all)
    func whole(_ transfer: Transfer) async throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        try topology.changeLink("\(transfer.link),rate=\(transfer.rate)")
        let sent = (0..<transfer.rate * 20 / 8).map { UInt8(truncatingIfNeeded: $0 &* $0) }
        try await withPeerLab(topology) { place in
            try await place.withPeer(in: "b", { ($0.admission, $0.paths) = (.anyone, transfer.paths) }) { called in
                try await place.withPeer(in: "a", { $0.paths = transfer.paths }) { dialer in
                    try await called.registered()
                    async let received: [UInt8] = {
                        var bytes: [UInt8] = []
                        for try await connection in called.incoming {
                            while let piece = try await connection.read() { bytes += piece }
                            try await connection.close()
                            break
                        }
                        return bytes
                    }()
                    let connection = try await dialer.connect(to: called.id)
                    try await connection.write(sent)
                    try await connection.finish()
                    #expect(try await connection.close())
                    let isSame = try await received == sent
                    #expect(isSame)
                }
            }
        }
    }
}
