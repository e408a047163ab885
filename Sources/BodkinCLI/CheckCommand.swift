import ArgumentParser
import Bodkin

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Measure the local NAT, and rate the network for direct connections.",
        discussion: """
            The check registers with the rendezvous server, and measures mapping, port allocation and filtering with the server's STUN ports. The \
            server also dials back to the reserved port. With --peer the check queries a listening peer for a forecast of its ports, and estimates \
            the connection to it.

            Examples:
              bodkin check
              bodkin check --json --peer PEER-ID

            Exit status: 0 if the server is usable and the peer answers; 69 if the server is not usable; otherwise as for 'bodkin connect'.
            """)

    @OptionGroup var peer: PeerOptions
    @Flag(help: "Print the findings as JSON.")
    var json = false
    @Option(name: .customLong("peer"), help: ArgumentHelp("Estimate the connection to this peer.", valueName: "id"))
    var other: String?

    func run() async throws {
        let log = EventLog(peer.output, origin: .process)
        try await runPeerCommand("check", log) {
            let other = try other.map { try PeerID($0) }
            if other != nil, peer.directOnly {
                throw CommandFailure(
                    CommandFailure.Status.usage, "The query of --peer uses a circuit, which --direct-only excludes. Leave out --direct-only.")
            }
            var configuration = try peer.configuration()
            configuration.onEvent = { log.take($0) }
            let profile = try await NetworkCheck.run(configuration)
            var report = CheckReport(profile)
            var failure: CommandFailure?
            if let other, profile.isRegistered {
                do {
                    report.pair = try await NetworkCheck.assessment(of: other, from: profile, configuration)
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
