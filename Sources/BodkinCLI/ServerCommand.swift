import ArgumentParser
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinSystem
import FoundationEssentials
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Run a rendezvous server, and print its URL in the first line.",
        discussion: """
            Every peer with the URL may use the server, because the URL holds the hash of the server's key and the join token. The state directory \
            keeps both (server.pem and server.token, mode 0600), so the URL stays the same. If it holds server.next.pem, the URL names that key as well. \
            SIGHUP reads --tokens, --refuse and --turn-secret-file again. SIGINT or SIGTERM ends the server.

            Examples:
              bodkin server --host 198.51.100.1
              bodkin server --host example.org --certificate chain.pem --key key.pem
              bodkin server --host 198.51.100.1 --check

            Exit status: 0 after a signal; 64 usage; 65 an unusable key or certificate; 73 a port in use; 77 a port that the system does not allow. \
            With --check: 0 if every service answers; 69 if one does not.
            """)

    @Option(
        help: ArgumentHelp(
            "Put this name or address into the URL; repeat for several. Default: the address of the default route.", valueName: "host"))
    var host: [String] = []
    @Option(help: ArgumentHelp("Listen on this address; repeat for several. Default: all addresses.", valueName: "address"))
    var bind: [String] = []
    @Option(help: ArgumentHelp("Listen for peers on this TCP port; 0 for a free port.", valueName: "port"))
    var port: UInt16 = RendezvousURL.defaultPort
    @Option(help: ArgumentHelp("Answer STUN on this TCP and UDP port, and on the next one; 0 for free ports.", valueName: "port"))
    var stunPort: UInt16 = RendezvousURL.defaultSTUNPort
    @Option(help: ArgumentHelp("Put this port into the URL, where a front or a container leads it to --port.", valueName: "port"))
    var publicPort: UInt16?
    @Option(help: ArgumentHelp("Put this STUN port into the URL, where it and the next one lead to --stun-port.", valueName: "port"))
    var publicStunPort: UInt16?
    @Option(help: ArgumentHelp("Answer STUN on this second address, too; needs --bind with the first.", valueName: "address"))
    var secondAddress: String?
    @Option(
        help: ArgumentHelp("Write the URL to this file as well, which only its owner may read.", valueName: "file"),
        completion: .file())
    var urlFile: String?
    @Flag(
        help: """
            Run no server. Say which services of the one with these options answer; or of that of $BODKIN_RENDEZVOUS, where that is set.
            """)
    var check = false
    @OptionGroup var state: StateOptions
    @OptionGroup var access: AccessOptions
    @OptionGroup var relays: RelayOptions
    @Option(
        help: ArgumentHelp("Use this certificate chain (PEM), which peers check by the host name; needs --key.", valueName: "file"),
        completion: .file())
    var certificate: String?
    @Option(help: ArgumentHelp("Use this key of --certificate (PEM).", valueName: "file"), completion: .file())
    var key: String?
    @Option(help: ArgumentHelp("Serve GET /health over HTTP here, such as 127.0.0.1:8080.", valueName: "endpoint"))
    var health: String?
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var quotas: QuotaOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if (certificate == nil) != (key == nil) { throw ValidationError("--certificate and --key belong together. Give both.") }
    }

    func run() async throws {
        let log = EventLog(output, origin: .process)
        do {
            let configuration = try configuration()
            if check { return try await ServiceCheck(configuration, metrics: metrics.metrics).run() }
            let logger = logger(log)
            // Each peer takes two descriptors, and many systems allow 1024.
            DescriptorLimit.raise()
            let server = RendezvousServer(configuration, logger: logger)
            let figures = ServerFigures()
            _ = try await Signals.run(endedBy: InheritedSignals.ending.filter { $0 != SIGHUP }) {
                try await metrics.serve(help: ServerFigures.help, refresh: { figures.update(server.statistics) }) {
                    try await withRendezvousServer(server) { listening in
                        try publish(listening.url)
                        log.tell(EventLine(listening), words(listening))
                        for await _ in Signals.hangups() { reload(server, log) }
                        try Task.checkCancellation()
                    }
                }
            }
        } catch {
            let failure = CommandFailure(error)
            log.fail(failure, command: "server")
            throw ExitCode(failure.status)
        }
    }

    /// Prints the URL, and writes it to the file of `--url-file`.
    ///
    /// Swift 6.3.1 cannot optimize an asynchronous closure that has this call in itself.
    @inline(never)
    private func publish(_ url: RendezvousURL) throws {
        if let urlFile { try SecretFile.replace("\(url)\n", at: urlFile) }
        print(url)
        flushOutput()
    }

    /// Reads again who may use the server. If a file is wrong, everything stays as it is.
    private func reload(_ server: RendezvousServer, _ log: EventLog) {
        do {
            let refused = try access.refusedPeers()
            let (admission, relays) = (try access.admission(StateDirectory(state.directory())), try relays.relays())
            server.update(admission, refusing: refused)
            server.update(relays)
            log.tell(EventLine("reloaded", []), "read the tokens, the refused peers and the relays' secret again")
        } catch {
            let failure = CommandFailure(error)
            log.tell(EventLine("reload-failed", [("message", .text(failure.message))]), "\(failure.message) Nothing has changed.")
        }
    }

    private func configuration() throws -> RendezvousServer.Configuration {
        let directory = try StateDirectory(state.directory())
        let credentials: RendezvousServer.Configuration.Credentials =
            if let certificate, let key { .certificate(file: certificate, keyFile: key, isPinned: false) } else {
                .identity(try directory.serverIdentity())
            }
        var configuration = RendezvousServer.Configuration(
            hosts: try host.isEmpty ? [ownHost()] : host, credentials: credentials, admission: try access.admission(directory))
        configuration.refusedPeers = try access.refusedPeers()
        configuration.relays = try relays.relays()
        configuration.nextKeyHash = try directory.nextKeyHash()
        if !bind.isEmpty { configuration.bindAddresses = try bind.map { try address($0, "--bind") } }
        configuration.port = port
        configuration.stunPort = stunPort
        configuration.publicPort = publicPort
        configuration.publicSTUNPort = publicStunPort
        configuration.secondAddress = try secondAddress.map { try address($0, "--second-address") }
        configuration.healthEndpoint = try health.map {
            guard let endpoint = Endpoint($0) else {
                throw CommandFailure(
                    CommandFailure.Status.usage, "'\($0)' is not an endpoint. Give --health an address and a port, such as 127.0.0.1:8080.")
            }
            return endpoint
        }
        quotas.apply(to: &configuration)
        return configuration
    }

    private func address(_ text: String, _ option: String) throws -> IPAddress {
        guard let address = IPAddress(text) else {
            throw CommandFailure(CommandFailure.Status.usage, "'\(text)' is not an address. Give \(option) an IPv4 or IPv6 address of this host.")
        }
        return address
    }

    private func ownHost() throws -> String {
        guard let address = OwnAddress.best() else {
            throw CommandFailure(CommandFailure.Status.usage, "This host has no address that peers can reach. Give its name or address with --host.")
        }
        return "\(address)"
    }

    private func words(_ listening: RendezvousServer.Listening) -> String {
        let places = listening.rendezvous.map { "\($0)" }.joined(separator: ", ")
        return "listening on \(places), STUN on port \(listening.url.stunPort)"
            + (access.open ? "; any peer may use the server" : "; every peer with the URL may use the server")
    }

    private func logger(_ log: EventLog) -> Logger {
        guard output.verbose else { return Logger(label: "bodkin.server") { _ in SwiftLogNoOpLogHandler() } }
        if output.isJSON { return Logger(label: "bodkin.server") { _ in EventLogHandler(log) } }
        return Logger(label: "bodkin.server") { StreamLogHandler.standardError(label: $0) }
    }
}

extension EventLine {
    /// The event of a server that listens.
    init(_ listening: RendezvousServer.Listening) {
        self.init(
            "listening",
            [
                ("url", .text("\(listening.url)")), ("rendezvous", .list(listening.rendezvous.map { .text("\($0)") })),
                ("stun", .list(listening.stun.map { .text("\($0)") })),
            ] + (listening.health.map { [("health", .text("\($0)"))] } ?? []))
    }
}
