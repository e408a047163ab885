#if canImport(BodkinNATLab)
import BodkinCore
import BodkinIdentity
import BodkinNATLab
import FoundationEssentials

/// A run of real `bodkin` processes in the hosts of a lab, in which one peer sends the other a file.
struct Demo: Sendable {
    let lab: Lab
    let directory: String
    let size: Int
    private let program: String

    init(lab: Lab, directory: String, size: Int) throws {
        (self.lab, self.directory, self.size) = (lab, directory, size)
        program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    /// The timeout of each part.
    private static let patience = Duration.seconds(60)

    func run() async throws -> DemoOutcome {
        let a = try Identity.loadOrCreate(in: "\(directory)/a").peerID
        let b = try Identity.loadOrCreate(in: "\(directory)/b").peerID
        _ = try await lab.host("a").run("/bin/sh", "-c", "head -c \(size) /dev/urandom > '\(directory)/file'")
        let record = DemoRecord()
        let server = try lab.host("server").start(
            [program, "server", "--host", "\(try lab.host("server").address)", "--state-dir", "\(directory)/server", "--events", "json"],
            output: .lines { record.note("server", $0) })
        let url = try await record.first("bodkin://", from: "server", within: Self.patience)
        let environment = ["BODKIN_RENDEZVOUS": url]
        let listener = try lab.host("b").start(
            [program, "listen", "--once", "--allow", "\(a)", "--state-dir", "\(directory)/b", "--events", "json", "--exec", answering],
            environment: environment, output: .lines { record.note("b", $0) })
        _ = try await record.first(#""event": "listening""#, from: "b", within: Self.patience)
        _ = try await lab.takeEvents()
        let start = Lab.now
        let dialer = try lab.host("a").start(
            ["/bin/sh", "-c", asking, program, "connect", "\(b)", "--state-dir", "\(directory)/a", "--events", "json"],
            environment: environment, output: .lines { record.note("a", $0) })
        let status = await withTaskCancellationHandler {
            let status = await dialer.wait().status
            if status != 0 { listener.terminate() }  // the listener would wait for another connection
            _ = await listener.wait()
            return status
        } onCancel: {
            for process in [server, listener, dialer] { process.kill() }
        }
        let end = Lab.now
        let events = try await lab.takeEvents()
        server.terminate()
        _ = await server.wait()
        let digest = try await lab.host("a").run("sha256sum", "\(directory)/file").output.prefix { $0 != " " }
        return DemoOutcome(
            record: record.lines, events: events, start: start, end: end, status: status, digest: String(digest), size: size,
            server: try lab.host("server").specification)
    }

    /// The sh script of b, which answers a line, receives a file, and prints its digest.
    private var answering: String {
        """
        IFS= read -r line; echo 'first byte' >&2; echo "b> hello a, I read: $line"
        IFS= read -r line; echo "b> $line? go ahead"; echo 'file begins' >&2
        sha256sum | cut -d' ' -f1; echo 'file has arrived' >&2
        """
    }

    /// The sh script of a, which greets b, waits until the connection has moved to its best path, and sends the file.
    private var asking: String {
        """
        (echo 'hello b'; sleep 0.7; echo 'may I send a file of \(size >> 20) MiB'; exec cat '\(directory)/file') | exec "$0" "$@"
        """
    }
}

/// Runs `body` with a directory that is removed afterwards.
func withDemoDirectory<Result: Sendable>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-demo-\(UInt64.random(in: .min ... .max))").path()
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await body(directory)
}
#endif
