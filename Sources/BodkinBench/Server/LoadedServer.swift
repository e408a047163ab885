import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinServer
import Glibc
import Logging
import NIOPosix

/// A rendezvous server in a process of its own, so that what it takes can be told from what its load takes. It ends with its standard input.
struct LoadedServer {
    /// What has this executable be such a server.
    static let command = "serve"

    let process: pid_t
    let url: RendezvousURL
    private let input: Int32

    // MARK: The child

    /// Serves on loopback until standard input ends; the first line of standard output is the URL.
    static func serve(peers: Int, circuits: Int?) async throws {
        let configuration = try configuration(for: peers, circuits)
        try await withRendezvousServer(configuration, logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() })) { listening in
            print(listening.url)
            fflush(nil)
            try await NIOThreadPool.singleton.runIfActive {
                var byte: UInt8 = 0
                while read(STDIN_FILENO, &byte, 1) > 0 {}
            }
        }
    }

    /// For no peers the defaults. Otherwise the defaults, but for what keeps one address from being thousands of peers: here all of them come from one. Where circuits are measured there may
    /// be so many at once, and what they carry is not slowed down.
    private static func configuration(for peers: Int, _ circuits: Int?) throws -> RendezvousServer.Configuration {
        var configuration = try RendezvousServer.Configuration(
            hosts: ["127.0.0.1"], credentials: .identity(.create()), admission: .tokens(.random()))
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        configuration.port = 0
        configuration.stunPort = 0
        guard peers > 0 else {
            configuration.admission = .tokens(try Self.tokens())
            return configuration
        }
        configuration.quotas.token.connections = peers
        configuration.quotas.token.registrations = peers
        configuration.quotas.token.dialsPerSecond = 100_000
        configuration.quotas.token.dialBurst = 100_000
        if let circuits {
            configuration.quotas.token.circuits = circuits
            configuration.quotas.token.relayedBytesPerSecond = 1e12
        }
        configuration.quotas.address = configuration.quotas.token
        configuration.limits.stunConnectionsPerSource = peers
        configuration.limits.unauthenticatedConnections = peers
        configuration.limits.unauthenticatedSTUNConnections = peers
        configuration.limits.handshakesPerSecond = 100_000
        configuration.limits.dialsToOnePeerPerSecond = 100_000
        return configuration
    }

    /// The token of honest users, and another one for attackers, so that the first says what the second is.
    private static func tokens() throws -> JoinTokens {
        let token = JoinToken.random()
        guard let other = JoinToken(bytes: token.bytes.reversed()),
            let tokens = JoinTokens([("honest", token), ("attackers", other)].compactMap { JoinTokens.Entry(name: $0.0, token: $0.1) })
        else { throw BenchmarkFailure("no tokens") }
        return tokens
    }

    // MARK: The parent

    /// The URL of holders of another token than that of ``url``, of a server with its default quotas.
    var attackerURL: RendezvousURL {
        var url = url
        url.token = url.token.map { $0.reversed() }
        return url
    }

    /// Starts the child, and waits until it listens.
    init(peers: Int, circuits: Int? = nil) throws {
        let toChild = try Self.pipe()
        let fromChild = try Self.pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild.reading, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild.writing, STDOUT_FILENO)
        let words = ["bodkin-bench", Self.command, "\(peers)"] + (circuits.map { ["\($0)"] } ?? [])
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, arguments, environ)
        close(toChild.reading)
        close(fromChild.writing)
        input = toChild.writing
        self.process = process
        defer { close(fromChild.reading) }
        guard status == 0 else {
            close(input)
            throw LabError(.system, "the server cannot be started: \(String(cString: strerror(status)))")
        }
        guard let line = Self.line(from: fromChild.reading) else {
            close(input)
            waitpid(process, nil, 0)
            throw LabError(.system, "the server has ended before it listened")
        }
        url = try RendezvousURL(line)
    }

    /// Has the server shut down, and waits for it.
    func end() {
        close(input)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        if status != 0 { print("  the server ended with wait status \(status)") }
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw LabError(.system, "no pipe: \(String(cString: strerror(errno)))") }
        // Else the child would hold its own input open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func line(from descriptor: Int32) -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < 4096, read(descriptor, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return nil
    }
}
