import FoundationEssentials
import NIOPosix

@testable import BodkinCLI

/// A script that uses the built command, on this machine's loopback interface.
enum Script {
    /// The command beside the test bundle.
    static let program: String = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(filePath: bundle).deletingLastPathComponent().appending(path: "bodkin").path()
    }()

    /// `bodkin` with a limit in time; `serve` starts a server and sets BODKIN_RENDEZVOUS; `listening` starts a listener with input and output
    /// in files, waits until it listens, and sets `id` to its peer ID; `ended` waits for it and shows its status.
    private static let prelude = """
        set -u; work=$(mktemp -d); cd "$work"
        trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
        bodkin() { timeout 60 '\(program)' "$@"; }
        example='\(program)-hello'; root='\(root.path())'
        await() { for i in $(seq 600); do grep -qs "$1" "$2" && return; sleep 0.05; done; echo "no $1 in $2:"; cat "$2"; }
        serve() {
            '\(program)' server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir server "$@" >url 2>server.log & server=$!
            await bodkin:// url; export BODKIN_RENDEZVOUS=$(head -1 url)
        }
        listening() {
            touch input; rm -f listen.log
            '\(program)' listen --state-dir listener "$@" <input >output 2>listen.log & listener=$!
            await listening listen.log; id=$('\(program)' id --state-dir listener)
        }
        ended() { wait $listener; echo "listener $?"; }

        """

    /// The folder of the project.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Returns the text of a file of the project.
    static func text(of file: String) throws -> String { String(decoding: try Data(contentsOf: root.appending(path: file)), as: UTF8.self) }

    /// Whether a file of the project is in its README, word for word.
    static func isInREADME(_ file: String) throws -> Bool { try text(of: "README.md").contains(text(of: file)) }

    /// Whether this machine has all these programs.
    static func has(_ programs: String...) async -> Bool {
        (try? await run("type -t \(programs.joined(separator: " "))")) == String(repeating: "file\n", count: programs.count)
    }

    /// Runs a script to its end: what it wrote.
    static func run(_ text: String) async throws -> String {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let child = try ChildProcess(
            ["/bin/bash", "-c", "exec 2>&1\n" + prelude + text], environment: ["BODKIN_RENDEZVOUS": "", "BODKIN_STATE": ""])
        try DescriptorWriter(child.input, threads).close()
        let reader = try DescriptorReader(child.output, threads)
        var bytes: [UInt8] = []
        while let piece = try await reader.read() { bytes += piece }
        await child.wait(on: threads)
        try await threads.shutdownGracefully()
        return String(decoding: bytes, as: UTF8.self)
    }
}
