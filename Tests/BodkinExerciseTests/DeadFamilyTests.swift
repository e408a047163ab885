import BodkinCore
import BodkinExercise
import BodkinNATLab
import FoundationEssentials
import Testing

/// A server whose name has addresses of both families, of which one does not answer.
@Suite(
    "A dead family", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct DeadFamilyTests {
    /// The command beside the test bundle.
    private static let program: String = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(filePath: bundle).deletingLastPathComponent().appending(path: "bodkin").path()
    }()

    private static let delay = Duration.milliseconds(25)

    @Test(
        "holds a registration up by 250 ms at most (RFC 8305), whichever it is, and whichever the resolver names first",
        arguments: [IPAddress.Family.v4, .v6], [true, false])
    func registers(_ dead: IPAddress.Family, _ isFirst: Bool) async throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: Self.delay), seed: 1)
        try topology.changeLink("server,broken=\(dead == .v4 ? "ipv4" : "ipv6")")
        try await withPeerLab(topology, families: [.v4, .v6]) { place in
            let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            let server = try place.lab.host("server")
            let addresses = ["\(server.address)", "\(server.specification.addresses6[0])"]
            let ordered = (dead == .v4) == isFirst ? addresses : addresses.reversed()
            let hosts = "127.0.0.1 localhost\n" + ordered.map { "\($0) rendezvous.test\n" }.joined()
            try hosts.write(toFile: directory.appending(path: "hosts").path(), atomically: true, encoding: .utf8)
            // The first name of the URL is the server's address: the name takes its place, and nothing else is left of them.
            let query = "\(place.url)".split(separator: "?")[1].split(separator: "&").filter { !$0.hasPrefix("host=") }.joined(separator: "&")
            let script = """
                mount --bind \(directory.path())/hosts /etc/hosts
                timeout 20 '\(Self.program)' listen --events json --state-dir \(directory.path())/state </dev/null 2>&1 >/dev/null | grep -m1 registered
                """
            let result = try await place.lab.host("a").run(
                "unshare", "-m", "sh", "-c", script, environment: ["BODKIN_RENDEZVOUS": "bodkin://rendezvous.test:4433/?\(query)"])
            let time = try #require(result.output.firstMatch(of: #/"ms": ([0-9]+)/#).flatMap { Int($0.1) }, "\(result.output) \(result.error)")
            print("with a dead \(dead) a peer registers after \(time) ms")
            // 250 ms, four round trips, and the start of a process on a busy machine.
            #expect(time < 250 + 200 + 1_500)
        }
    }
}
