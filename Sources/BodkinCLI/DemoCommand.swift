#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinCore
import BodkinNATLab

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show how two peers behind NATs connect, with real processes in a lab.",
        discussion: """
            The demo builds a lab on this machine (see 'bodkin lab') with a public rendezvous server. It runs 'bodkin server', 'bodkin listen' and \
            'bodkin connect' there, sends a file, and prints the timeline of both peers.

            Examples:
              bodkin demo
              bodkin demo --a cgn --b symmetric-random --file 16

            Exit status: 0 if the whole file arrived; 70 otherwise; 77 without the rights for a lab.
            """)

    @Option(help: ArgumentHelp("Put host a behind this NAT: \(AccessNetwork.choice()); see 'bodkin lab presets'.", valueName: "nat"))
    var a = NATPreset.portRestricted.rawValue
    @Option(help: ArgumentHelp("Put host b behind this NAT.", valueName: "nat"))
    var b = NATPreset.portRestricted.rawValue
    @Option(help: ArgumentHelp("Send a file of this size, in MiB.", valueName: "size"))
    var file = 4
    @OptionGroup var links: LinkOptions

    func validate() throws {
        guard (1...256).contains(file) else { throw ValidationError("The value of --file is out of range. Give 1 to 256 MiB.") }
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
                "a behind \(a), b behind \(b), a public server; the round trip between any two hosts takes \(Timeline.fixed(2 * links.delayOrDefault.milliseconds)) ms"
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
