import ArgumentParser
import Bodkin
import NIOPosix

struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Connects to a peer; standard input and output are the connection.",
        discussion: """
            The end of standard input ends this half of the connection; the command ends when the far side has ended, too, and everything is \
            written. It goes by circuit until there is a direct path, unless an option says otherwise.

            Exit status: 0 when both sides have ended in good order; 64 usage, 65 a peer ID or URL with a typo, 68 the peer is not there or does \
            not allow it, 69 no way to the server or the peer, 75 lost or timed out, 76 the server is not what the URL says, 77 refused.
            """)

    @OptionGroup var peer: PeerOptions
    @Option(help: ArgumentHelp("How long the dial may take.", valueName: "seconds"))
    var timeout: Double = 30
    @Argument(help: "The peer's ID, as 'bodkin id' prints it there.")
    var id: String

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else { throw ValidationError("--timeout takes seconds, more than 0 and at most a day") }
    }

    func run() async throws {
        let log = EventLog(peer.output, origin: .process)
        try await runPeerCommand("connect", log) {
            let target = try PeerID(id)
            var configuration = try peer.configuration()
            configuration.dialTimeout = .milliseconds(Int64(timeout * 1000))
            configuration.onEvent = { log.take($0) }
            try await withPeer(configuration) { peer in
                let connection = try await peer.connect(to: target)
                try await StandardStreams.serve(connection, log)
            }
        }
    }
}

/// Runs the body of a peer's command: errors become one line and an exit status, a signal a tidy end.
func runPeerCommand(_ name: String, _ log: EventLog, _ body: @escaping @Sendable () async throws -> Void) async throws {
    let signal: Int32?
    do {
        signal = try await Signals.run(body)
    } catch {
        let failure = CommandFailure(error)
        log.fail(failure, command: name)
        throw ExitCode(failure.status)
    }
    if let signal { throw ExitCode(128 + signal) }
}
