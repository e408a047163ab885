import ArgumentParser
import Bodkin
import NIOPosix

struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Connect standard input and output to a remote peer.",
        discussion: """
            The connection uses a circuit until a direct path is established. The end of standard input half-closes the connection. The command \
            ends when the remote peer has read everything and has also finished, and all output is written.

            Examples:
              bodkin connect PEER-ID < file
              bodkin connect PEER-ID --direct-only --timeout 10

            Exit status: 0 success; 64 usage; 65 a peer ID or URL with a typo; 68 the peer is not registered or does not allow the dial; 69 no \
            path to the server or the peer; 75 lost, timed out, or not read to the end by the remote peer; 76 the server is not the one in the URL; 77 refused.
            """)

    @OptionGroup var peer: PeerOptions
    @OptionGroup var direction: DirectionOptions
    @Option(help: ArgumentHelp("Limit the duration of the dial.", valueName: "seconds"))
    var timeout: Double = 30
    @Argument(help: "Name the remote peer by its ID, as 'bodkin id' prints it there.")
    var id: String

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("The value of --timeout is out of range. Give more than 0 and at most 86400 seconds.")
        }
    }

    func run() async throws {
        let log = EventLog(peer.output, origin: .process)
        try await runPeerCommand("connect", log) {
            let target = try PeerID(id)
            var configuration = try peer.configuration()
            configuration.dialTimeout = .milliseconds(Int64(timeout * 1000))
            configuration.onEvent = { log.take($0) }
            let reserve = AlarmReserve()
            try await withPeer(configuration) { peer in
                let connection = try await peer.connect(to: target)
                try await StandardStreams.serve(connection, direction.directions, reserve, log)
            }
        }
    }
}

/// Runs the body of a peer's command. An error becomes one line and an exit status; a signal ends the body in good order.
func runPeerCommand(_ name: String, _ log: EventLog, _ body: @escaping @Sendable () async throws -> Void) async throws {
    let signal: Int32?
    do {
        signal = try await Signals.run(body)
    } catch is BrokenOutput {
        // A reader that has enough is no error to speak of.
        log.brokenOutput()
        throw ExitCode(BrokenOutput.status)
    } catch {
        let failure = CommandFailure(error)
        log.fail(failure, command: name)
        throw ExitCode(failure.status)
    }
    if let signal { throw ExitCode(128 + signal) }
}
