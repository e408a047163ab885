import ArgumentParser
import Bodkin
import BodkinIdentity
import BodkinProtocols
import BodkinSystem
import FoundationEssentials

/// What every command that is a peer takes.
struct PeerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server where peers meet: the first line that it prints; else $BODKIN_RENDEZVOUS.", valueName: "url"))
    var rendezvous: String?
    @OptionGroup var state: StateOptions
    @Option(help: ArgumentHelp("The one TCP port to listen on and connect from; a free one unless given.", valueName: "port"))
    var reservedPort: UInt16 = 0
    @Flag(help: "Uses direct paths alone: no byte of a connection goes through the server.")
    var directOnly = false
    @Flag(help: "Uses circuits alone: nobody learns an address from us.")
    var relayOnly = false
    @Flag(help: "Predicts no external ports: at most one SYN for each address of the other side at a time.")
    var noPrediction = false
    @Flag(help: "Does not look at the network in the background, which is done when nobody has dialled for half a minute.")
    var noProfile = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if directOnly && relayOnly { throw ValidationError("--direct-only and --relay-only leave no path at all: give one of them") }
    }

    /// The configuration that the options and the environment name.
    func configuration() throws -> Peer.Configuration {
        let url = try server()
        // A search for ports opens many connections at a time, and many systems begin with 1024.
        DescriptorLimit.raise()
        let directory = try state.directory()
        var configuration = Peer.Configuration(identity: try Identity.loadOrCreate(in: directory), rendezvous: url)
        configuration.reservedPort = reservedPort
        configuration.paths = directOnly ? .directOnly : relayOnly ? .relayOnly : .all
        configuration.predictsPorts = !noPrediction
        configuration.profilesNetwork = !noProfile
        return configuration
    }

    /// The server.
    func server() throws -> RendezvousURL {
        let environment = ProcessInfo.processInfo.environment["BODKIN_RENDEZVOUS"] ?? ""
        guard let text = rendezvous ?? (environment.isEmpty ? nil : environment) else {
            throw CommandFailure(
                CommandFailure.Status.usage,
                "no rendezvous server is named: give --rendezvous URL, or set BODKIN_RENDEZVOUS to what 'bodkin server' prints")
        }
        return try RendezvousURL(text)
    }
}
