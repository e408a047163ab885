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
            'bodkin connect' there, and prints what happens at both peers. One sends the other a file, and its network dies on the way. A terminal \
            shows colours and the progress of the file, unless NO_COLOR is set or TERM is dumb.

            Examples:
              bodkin demo
              bodkin demo --a cgn --b symmetric-random --file 16

            Exit status: 0 if the whole file arrived; 70 otherwise; 77 without the rights for a lab.
            """)

    @Option(
        help: ArgumentHelp("Put host a behind this NAT: \(AccessNetwork.choice()); see 'bodkin lab presets'.", valueName: "nat"),
        completion: AccessNetwork.completion)
    var a = NATPreset.portRestricted.rawValue
    @Option(help: ArgumentHelp("Put host b behind this NAT.", valueName: "nat"), completion: AccessNetwork.completion)
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
            let roundTrip = Timeline.fixed(2 * links.delayOrDefault.milliseconds)
            let outcome = try await withLab(topology, options: options) { lab in
                try await withDemoDirectory { directory in
                    var screen = DemoScreen()
                    screen.introduce(
                        ["Two peers behind NATs and a public server. Every round trip takes \(roundTrip) ms.", ""]
                            + DemoNetwork.drawing(topology, a: a, b: b))
                    let outcome = try await Demo(lab: lab, directory: directory, size: size).run(&screen)
                    screen.close(outcome.summary)
                    return outcome
                }
            }
            guard outcome.isWhole else { throw ExitCode(CommandFailure.Status.software) }
        }
    }
}
#endif
