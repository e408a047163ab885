import ArgumentParser
import BodkinCore
import BodkinProtocols
import BodkinServer
import BodkinSystem
import FoundationEssentials
import Logging

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Runs a rendezvous server, where peers meet; the first line that it prints is its URL.",
        discussion: """
            The URL holds the hash of the server's key and the join token: whoever has it may use the server. Both are kept in the state directory \
            (server.pem, server.token, both of mode 0600), so that the URL stays the same. It ends by SIGINT or SIGTERM, with status 0.

            Exit status otherwise: 64 usage, 65 a key or certificate that cannot be used, 73 a port in use, 77 a port that the system does not allow.
            """)

    @Option(
        help: ArgumentHelp(
            "The name or address of this machine in the URL; may be given again. Else the address of its default route.", valueName: "host"))
    var host: [String] = []
    @Option(help: ArgumentHelp("An address to listen on; may be given again. All of them unless given.", valueName: "address"))
    var bind: [String] = []
    @Option(help: ArgumentHelp("The TCP port of the rendezvous; 0 for a free one.", valueName: "port"))
    var port: UInt16 = RendezvousURL.defaultPort
    @Option(help: ArgumentHelp("The STUN port, TCP and UDP; the next one is its alternate. 0 for free ones.", valueName: "port"))
    var stunPort: UInt16 = RendezvousURL.defaultSTUNPort
    @Option(help: ArgumentHelp("A second address of this machine for STUN; needs --bind with the first.", valueName: "address"))
    var secondAddress: String?
    @OptionGroup var state: StateOptions
    @Flag(help: "Lets everybody use the server, without a token: then anybody may have bytes relayed, up to the quotas.")
    var open = false
    @Option(help: ArgumentHelp("A certificate chain in PEM, for a server that clients know by its name; needs --key.", valueName: "file"))
    var certificate: String?
    @Option(help: ArgumentHelp("The key of --certificate, in PEM.", valueName: "file"))
    var key: String?
    @Option(help: ArgumentHelp("Answers GET /health over HTTP here, such as 127.0.0.1:8080.", valueName: "endpoint"))
    var health: String?
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var quotas: QuotaOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if (certificate == nil) != (key == nil) { throw ValidationError("--certificate and --key belong together: give both") }
    }

    func run() async throws {
        let log = EventLog(output, origin: .process)
        do {
            let configuration = try configuration()
            let logger = logger(log)
            // Each peer takes two, and many systems begin with 1024.
            DescriptorLimit.raise()
            let server = RendezvousServer(configuration, logger: logger)
            let figures = ServerFigures()
            _ = try await Signals.run {
                try await metrics.serve(help: ServerFigures.help, refresh: { figures.update(server.statistics) }) {
                    try await withRendezvousServer(server) { listening in
                        print(listening.url)
                        flushOutput()
                        log.tell(EventLine(listening), words(listening))
                        while true { try await Task.sleep(for: .seconds(86_400)) }
                    }
                }
            }
        } catch {
            let failure = CommandFailure(error)
            log.fail(failure, command: "server")
            throw ExitCode(failure.status)
        }
    }

    private func configuration() throws -> RendezvousServer.Configuration {
        let directory = try StateDirectory(state.directory())
        let credentials: RendezvousServer.Configuration.Credentials =
            if let certificate, let key { .certificate(file: certificate, keyFile: key, isPinned: false) } else {
                .identity(try directory.serverIdentity())
            }
        var configuration = RendezvousServer.Configuration(
            hosts: try host.isEmpty ? [ownHost()] : host, credentials: credentials, admission: open ? .open : .tokens(try directory.joinToken()))
        if !bind.isEmpty { configuration.bindAddresses = try bind.map { try address($0, "--bind") } }
        configuration.port = port
        configuration.stunPort = stunPort
        configuration.secondAddress = try secondAddress.map { try address($0, "--second-address") }
        configuration.healthEndpoint = try health.map {
            guard let endpoint = Endpoint($0) else {
                throw CommandFailure(CommandFailure.Status.usage, "'\($0)' is no endpoint: write 127.0.0.1:8080")
            }
            return endpoint
        }
        quotas.apply(to: &configuration)
        return configuration
    }

    private func address(_ text: String, _ option: String) throws -> IPAddress {
        guard let address = IPAddress(text) else {
            throw CommandFailure(CommandFailure.Status.usage, "'\(text)' is no address: give \(option) an IPv4 or IPv6 address of this machine")
        }
        return address
    }

    private func ownHost() throws -> String {
        guard let address = OwnAddress.best() else {
            throw CommandFailure(CommandFailure.Status.usage, "this machine has no address that peers could use: name it by --host")
        }
        return "\(address)"
    }

    private func words(_ listening: RendezvousServer.Listening) -> String {
        let places = listening.rendezvous.map { "\($0)" }.joined(separator: ", ")
        return "listening on \(places), STUN on port \(listening.url.stunPort)" + (open ? "; open to everybody" : "; whoever has the URL may use it")
    }

    private func logger(_ log: EventLog) -> Logger {
        guard output.verbose else { return Logger(label: "bodkin.server") { _ in SwiftLogNoOpLogHandler() } }
        if output.isJSON { return Logger(label: "bodkin.server") { _ in EventLogHandler(log) } }
        return Logger(label: "bodkin.server") { StreamLogHandler.standardError(label: $0) }
    }
}

extension EventLine {
    /// A server that listens.
    init(_ listening: RendezvousServer.Listening) {
        self.init(
            "listening",
            [
                ("url", .text("\(listening.url)")), ("rendezvous", .list(listening.rendezvous.map { .text("\($0)") })),
                ("stun", .list(listening.stun.map { .text("\($0)") })),
            ] + (listening.health.map { [("health", .text("\($0)"))] } ?? []))
    }
}
