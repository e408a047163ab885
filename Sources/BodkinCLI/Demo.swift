#if canImport(BodkinNATLab)
import BodkinCore
import BodkinIdentity
import BodkinNATLab
import FoundationEssentials

/// A run of real `bodkin` processes in the hosts of a lab. One peer sends the other a file, and loses its network on the way.
struct Demo: Sendable {
    let lab: Lab
    private let script: DemoScript
    private let program: String
    private let record = DemoRecord()

    init(lab: Lab, directory: String, size: Int) throws {
        self.lab = lab
        script = DemoScript(directory: directory, size: size)
        program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    /// The timeout of each part.
    private static let patience = Duration.seconds(60)

    /// Runs the processes to their end, and tells the story on the screen.
    func run(_ screen: inout DemoScreen) async throws -> DemoOutcome {
        let directory = script.directory
        let a = try Identity.loadOrCreate(in: "\(directory)/a").peerID
        let b = try Identity.loadOrCreate(in: "\(directory)/b").peerID
        _ = try await lab.host("a").run("/bin/sh", "-c", "head -c \(script.size) /dev/urandom > '\(script.file)'; : > '\(script.received)'")
        let server = try lab.host("server").start(
            [program, "server", "--host", "\(try lab.host("server").address)", "--state-dir", "\(directory)/server", "--events", "json"],
            output: .lines { record.note("server", $0) })
        let environment = ["BODKIN_RENDEZVOUS": try await record.first("bodkin://", from: "server", within: Self.patience)]
        let listener = try lab.host("b").start(
            [
                program, "listen", "--once", "--allow", "\(a)", "--state-dir", "\(directory)/b", "--events", "json", "--exec", script.answering,
            ],
            environment: environment, output: .lines { record.note("b", $0) })
        _ = try await record.first(#""event": "listening""#, from: "b", within: Self.patience)
        var telling = try DemoTelling(lab, script, record)
        try await telling.begin(&screen)
        let dialer = try lab.host("a").start(
            ["/bin/sh", "-c", script.asking, program, "connect", "\(b)", "--state-dir", "\(directory)/a", "--events", "json"],
            environment: environment, output: .lines { record.note("a", $0) })
        let processes = [server, listener, dialer]
        return try await withTaskCancellationHandler {
            defer { for process in processes { process.kill() } }
            while dialer.isRunning {
                try await telling.step(&screen)
                try await Task.sleep(for: .milliseconds(20))
            }
            let status = await dialer.wait().status
            if status != 0 { listener.terminate() }  // the listener would wait for another connection
            _ = await listener.wait()
            try await telling.finish(&screen)
            let digest = try await lab.host("a").run("sha256sum", script.file).output.prefix { $0 != " " }
            return DemoOutcome(record: record.lines, status: status, digest: String(digest), size: script.size, cut: telling.cut)
        } onCancel: {
            for process in processes { process.kill() }
        }
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
