import ArgumentParser
import Bodkin

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says what the network here looks like, and what that means for connecting.",
        discussion: """
            It registers with the server, and asks the server's STUN ports over TCP and UDP how this machine's NAT maps a port, from ports of its \
            own. Exit status: 0 when the server can be used, else 69; 64 and 65 as of 'bodkin connect'.
            """)

    @OptionGroup var peer: PeerOptions
    @Flag(help: "Prints what was found as JSON.")
    var json = false

    func run() async throws {
        let log = EventLog(peer.output, origin: .process)
        try await runPeerCommand("check", log) {
            var configuration = try peer.configuration()
            configuration.onEvent = { log.take($0) }
            let profile = try await NetworkCheck.run(configuration)
            print(json ? CheckReport(profile).json.line : CheckReport(profile).words)
            if case .failed(let error) = profile.reachability {
                throw CommandFailure(CommandFailure.Status.unavailable, CommandFailure(error).message)
            }
        }
    }
}
