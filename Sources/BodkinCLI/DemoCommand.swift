#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinCore
import BodkinNATLab

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows two peers behind NATs connecting: real processes, a conversation, a file, and what crossed the network.",
        discussion: """
            It builds a laboratory on this machine (see 'bodkin lab') with a rendezvous server on a public host, and runs 'bodkin server', 'bodkin \
            listen' and 'bodkin connect' in it. Exit status: 0 when the file arrived whole; 70 when it did not; 77 without the rights for a lab.
            """)

    @Option(help: ArgumentHelp("What host a stands behind: \(AccessNetwork.choice()); see 'bodkin lab presets'.", valueName: "nat"))
    var a = NATPreset.portRestricted.rawValue
    @Option(help: ArgumentHelp("What host b stands behind.", valueName: "nat"))
    var b = NATPreset.portRestricted.rawValue
    @Option(help: ArgumentHelp("The size of the file, in MiB.", valueName: "size"))
    var file = 4
    @OptionGroup var links: LinkOptions

    func validate() throws {
        guard (1...256).contains(file) else { throw ValidationError("--file takes 1 to 256 MiB") }
    }

    func run() async throws {
        try await runLab {
            let seed = links.seedOrRandom()
            let topology = Topology.pair(
                try AccessNetwork(named: a), try AccessNetwork(named: b), link: links.link, implementation: links.implementation, seed: seed)
            var options = Lab.Options()
            options.isTracing = true
            let size = file << 20
            print(
                "a behind \(a), b behind \(b), a public server; \(Timeline.fixed(2 * links.delayOrDefault.milliseconds)) ms there and back between any two"
            )
            let outcome = try await withLab(topology, options: options) { lab in
                try await withDemoDirectory { try await Demo(lab: lab, directory: $0, size: size).run() }
            }
            outcome.show()
            guard outcome.isWhole else { throw ExitCode(CommandFailure.Status.software) }
        }
    }
}
#endif
