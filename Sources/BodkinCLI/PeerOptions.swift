import ArgumentParser
import Bodkin
import BodkinIdentity
import BodkinProtocols
import BodkinSystem
import FoundationEssentials

/// The options of every command that runs a peer.
struct PeerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Use the rendezvous server with this URL, the first line that it prints; default: $BODKIN_RENDEZVOUS.", valueName: "url"))
    var rendezvous: String?
    @Option(
        help: ArgumentHelp(
            "Read the URL of the rendezvous server from the first line of this file, which only its owner may read.", valueName: "file"),
        completion: .file())
    var rendezvousFile: String?
    @Option(
        help: ArgumentHelp(
            "Reach the server by this HTTP or SOCKS 5 proxy, or by 'none'; default: $https_proxy or $all_proxy, unless $no_proxy excludes the server.",
            valueName: "url"))
    var proxy: String?
    @OptionGroup var state: StateOptions
    @Option(help: ArgumentHelp("Listen on and connect from this TCP port; default: a free port.", valueName: "port"))
    var reservedPort: UInt16 = 0
    @Flag(help: "Use only direct paths; the server relays no byte of a connection.")
    var directOnly = false
    @Flag(help: "Use only circuits; the remote peer learns no local address.")
    var relayOnly = false
    @Flag(help: "Disable port prediction; send one SYN at a time to each remote candidate.")
    var noPortPrediction = false
    @Flag(help: "Disable the background probe of the network, which runs 30 s after the last dial.")
    var noNetworkProbe = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if rendezvous != nil && rendezvousFile != nil {
            throw ValidationError("--rendezvous and --rendezvous-file exclude each other. Give one of them.")
        }
        if directOnly && relayOnly { throw ValidationError("--direct-only and --relay-only exclude each other. Give one of them.") }
    }

    /// Returns the configuration that the options and the environment name.
    func configuration() throws -> Peer.Configuration {
        let url = try server()
        // A birthday search holds many connections in flight, and many systems allow 1024 descriptors.
        DescriptorLimit.raise()
        let directory = try state.directory()
        var configuration = Peer.Configuration(identity: try Identity.loadOrCreate(in: directory), rendezvous: url)
        configuration.proxy = try proxy(for: url)
        configuration.reservedPort = reservedPort
        configuration.paths = directOnly ? .directOnly : relayOnly ? .relayOnly : .all
        configuration.predictsPorts = !noPortPrediction
        configuration.profilesNetwork = !noNetworkProbe
        return configuration
    }

    /// Returns the URL of the rendezvous server.
    func server() throws -> RendezvousURL {
        if let rendezvousFile { return try RendezvousURL(Self.firstLine(of: rendezvousFile)) }
        if let rendezvous {
            let url = try RendezvousURL(rendezvous)
            if url.token != nil {
                printError(
                    "bodkin: Other users of this machine can read the join token in the command line. Use --rendezvous-file FILE or BODKIN_RENDEZVOUS."
                )
            }
            return url
        }
        let environment = ProcessInfo.processInfo.environment["BODKIN_RENDEZVOUS"] ?? ""
        guard !environment.isEmpty else {
            throw CommandFailure(
                CommandFailure.Status.usage,
                "The command has no rendezvous server. Give --rendezvous-file FILE, or set BODKIN_RENDEZVOUS to the URL that 'bodkin server' prints.")
        }
        return try RendezvousURL(environment)
    }

    /// Returns the proxy by which that server is reached.
    func proxy(for url: RendezvousURL) throws -> ProxyURL? {
        guard let proxy else { return try url.hosts.first.flatMap { try ProxyEnvironment(ProcessInfo.processInfo.environment).proxy(for: $0) } }
        guard proxy != "none" else { return nil }
        let named = try ProxyURL(proxy)
        if named.credentials != nil {
            printError("bodkin: Other users of this machine can read the password in the command line. Use the variable https_proxy.")
        }
        return named
    }

    private static func firstLine(of file: String) throws -> String {
        guard let text = try SecretFile.read(file) else {
            throw CommandFailure(CommandFailure.Status.usage, "The file \(file) does not exist. Write the URL that 'bodkin server' prints into it.")
        }
        return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    }
}
