import ArgumentParser
import Bodkin
import BodkinProtocols

struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen", abstract: "Waits for peers to connect; standard input and output are the connection, or a program's.",
        discussion: """
            Without --exec one connection is served at a time, and the next one after it, unless --once. With --exec each connection has a \
            process of its own: sh runs the command, whose standard input and output are the connection, and which finds the far side's peer ID \
            in BODKIN_PEER.

            Exit status: as of 'bodkin connect'; 73 where the reserved port is in use.
            """)

    /// How many processes of --exec run at once.
    static let processLimit = 64

    @OptionGroup var peer: PeerOptions
    @Option(help: ArgumentHelp("A peer that may connect; may be given again. Otherwise anyone may who knows this peer's ID.", valueName: "peer"))
    var allow: [String] = []
    @OptionGroup var metrics: MetricsOptions
    @Flag(help: "Ends after the first connection.")
    var once = false
    @Option(help: ArgumentHelp("What serves each connection, through sh.", valueName: "command"))
    var exec: String?

    func validate() throws {
        if allow.count > 1000 { throw ValidationError("--allow can be given at most 1000 times") }
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
        return "anyone may connect who knows this ID and the server's URL; --allow PEER restricts that"
    }

    private func serve(_ peer: Peer, _ log: EventLog) async throws {
        guard let exec else {
            for try await connection in peer.incoming {
                do {
                    try await StandardStreams.serve(connection, log)
                } catch  where !once && !Task.isCancelled {
                    log.failed(connection.peer, CommandFailure(error).message)
                }
                if once { return }
            }
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for try await connection in peer.incoming {
                if running == Self.processLimit {
                    try await group.next()
                    running -= 1
                }
                let program = ServedProgram(command: exec)
                if once { return try await program.serve(connection, log) }
                running += 1
                group.addTask {
                    do {
                        try await program.serve(connection, log)
                    } catch  where !Task.isCancelled {
                        log.failed(connection.peer, CommandFailure(error).message)
                    }
                }
            }
        }
    }
}
