import ArgumentParser
import Bodkin
import BodkinProtocols
import BodkinTransport

struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen", abstract: "Accept connections on standard input and output, or with a program.",
        discussion: """
            Without --exec the command serves one connection after another, and with --once only the first. With --exec it runs a process for \
            each connection through sh. The connection is the standard input and output of that process, and BODKIN_PEER holds the remote peer's ID. \
            A connection ends when both sides have ended and each has read everything; with --receive-only or --send-only, when that direction has.

            Examples:
              bodkin listen --once > file
              bodkin listen --allow PEER-ID --exec 'cat /var/log/syslog'

            Exit status: as for 'bodkin connect'; 73 if another program uses the reserved port.
            """)

    @OptionGroup var peer: PeerOptions
    @Option(
        help: ArgumentHelp(
            "Allow this peer to connect; repeat for several. Without it, any peer that knows the local ID may connect.", valueName: "peer"))
    var allow: [String] = []
    @OptionGroup var metrics: MetricsOptions
    @Flag(help: "End after the first connection.")
    var once = false
    @OptionGroup var direction: DirectionOptions
    @Option(help: ArgumentHelp("Serve each connection with this command, through sh.", valueName: "command"))
    var exec: String?

    func validate() throws {
        if allow.count > 1000 { throw ValidationError("The command has more than 1000 --allow options. Give at most 1000.") }
        if exec != nil && direction.isGiven { throw ValidationError("--exec uses both directions. Leave out --send-only or --receive-only.") }
    }

    func run() async throws {
        let log = EventLog(peer.output, origin: .dial)
        try await runPeerCommand("listen", log) {
            var configuration = try peer.configuration()
            configuration.admission = allow.isEmpty ? .anyone : .only(Set(try allow.map { try PeerID($0) }))
            configuration.onEvent = { log.take($0) }
            let server = configuration.rendezvous.authority
            try await metrics.serve(help: Peer.metricsHelp) {
                try await withPeer(configuration) { peer in
                    try await peer.registered()
                    log.tell(
                        EventLine("listening", [("peer", .text("\(peer.id)")), ("server", .text(server)), ("anyone", .flag(allow.isEmpty))]),
                        "listening as \(peer.id)\n" + admission)
                    try await serve(peer, log)
                }
            }
        }
    }

    private var admission: String {
        guard allow.isEmpty else { return "\(allow.count) peer\(allow.count == 1 ? "" : "s") may connect" }
        return "any peer with this ID and the server's URL may connect; --allow PEER restricts that"
    }

    private func serve(_ peer: Peer, _ log: EventLog) async throws {
        guard let exec else {
            let reserve = AlarmReserve()
            for try await connection in peer.incoming {
                do {
                    try await StandardStreams.serve(connection, direction.directions, reserve, log)
                } catch  where !once && !Task.isCancelled && !(error is BrokenOutput) {
                    log.failed(connection.peer, CommandFailure(error).message)
                }
                if once { return }
            }
            return
        }
        if once {
            for try await connection in peer.incoming { return try await ServedProgram(command: exec).serve(connection, log) }
            return
        }
        try await serve(peer, ServedProgram(command: exec), log)
    }

    /// The number of no program: a wait is over.
    private static let timer = 0

    /// Runs a program for each connection.
    private func serve(_ peer: Peer, _ program: ServedProgram, _ log: EventLog) async throws {
        let places = SharedProgramPlaces()
        var connections: [Int: Connection] = [:]
        try await withThrowingTaskGroup(of: Int.self) { group in
            var number = 0
            for try await connection in peer.incoming {
                number += 1
                var admission = places.admit(number, of: connection.peer)
                while case .full(let end) = admission {
                    group.addTask {
                        try? await Task.sleep(until: end)
                        return Self.timer
                    }
                    guard let ended = try await group.next() else { break }
                    connections[ended] = nil
                    admission = places.admit(number, of: connection.peer)
                }
                if admission == .refused {
                    connection.abort(code: CloseCode.failed, reason: "too many connections of one peer")
                    continue
                }
                if case .evicting(let victim) = admission {
                    connections.removeValue(forKey: victim)?.abort(code: CloseCode.failed, reason: "too many connections")
                }
                // The ends of programs are collected here, and one at a time is enough.
                if connections.count > ProgramPlaces.limit, let ended = try await group.next() { connections[ended] = nil }
                connections[number] = connection
                group.addTask { [number] in
                    defer { places.leave(number) }
                    do {
                        try await program.serve(connection, log) { places.carried(by: number) }
                    } catch  where !Task.isCancelled {
                        // The remote user has ended the program, as one does.
                        if (error as? ConnectionError)?.remoteCode == CloseCode.interrupted { return number }
                        log.failed(connection.peer, CommandFailure(error).message)
                    }
                    return number
                }
            }
        }
    }
}
