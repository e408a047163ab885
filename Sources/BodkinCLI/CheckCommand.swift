import ArgumentParser
import Bodkin

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says what the network here looks like, and what that means for connecting.",
        discussion: """
            It registers with the server, and asks the server's STUN ports over TCP and UDP how this machine's NAT maps a port, from ports of its \
            own; and it has the server connect back to the reserved port, to see what is let in. With --peer it asks that peer, which must be \
            listening and allow this one, what its ports look like, and says what to expect of the pair. Exit status: 0 when the server can be used, and the \
            peer answers; else 69 for the server, and as of 'bodkin connect' for the peer; 64 and 65 as of 'bodkin connect'.
            """)

    @OptionGroup var peer: PeerOptions
    @Flag(help: "Prints what was found as JSON.")
    var json = false
    @Option(name: .customLong("peer"), help: ArgumentHelp("Says what to expect of a connection to this peer.", valueName: "id"))
    var other: String?

    func run() async throws {
        let log = EventLog(peer.output, origin: .process)
        try await runPeerCommand("check", log) {
            let other = try other.map { try PeerID($0) }
            if other != nil, peer.directOnly { throw CommandFailure(CommandFailure.Status.usage, "--peer asks by circuit: leave out --direct-only") }
            var configuration = try peer.configuration()
            configuration.onEvent = { log.take($0) }
            let profile = try await NetworkCheck.run(configuration)
            var report = CheckReport(profile)
            var failure: CommandFailure?
            if let other, profile.isRegistered {
                do {
                    report.pair = try await NetworkCheck.outlook(on: other, from: profile, configuration)
                } catch {
                    failure = CommandFailure(error)
                    report.unanswered = (other, CommandFailure(error))
                }
            }
            print(json ? report.json.line : report.words)
            if let failure { throw failure }
            if case .failed(let error) = profile.reachability {
                throw CommandFailure(CommandFailure.Status.unavailable, CommandFailure(error).message)
            }
        }
    }
}
