#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

struct LabRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs programs in a lab of two hosts behind NATs and a public server.",
        discussion: """
            Each program finds its own and the others' addresses in its environment: BODKIN_LAB_HOST, BODKIN_LAB_ADDRESS, and for every host \
            H BODKIN_LAB_H, BODKIN_LAB_H_6 and BODKIN_LAB_H_OUTSIDE; the server's second address is BODKIN_LAB_SERVER_2, and \
            BODKIN_LAB_H_ETH1 (with _6, _OUTSIDE) is that of H's further interface. The lab ends when \
            the programs of a and b (and other hosts, but not the server) have ended; the exit status is the first one that is not 0.

            Without any program, plain sockets show what passes and what the NATs refuse, and the exit status is 0 if a simultaneous open \
            connected a and b, else 1.
            """)

    @OptionGroup var lab: LabOptions
    @Option(name: .customLong("command-a"), help: ArgumentHelp("What host a runs, through sh.", valueName: "command"))
    var commandA: String?
    @Option(name: .customLong("command-b"), help: ArgumentHelp("What host b runs, through sh.", valueName: "command"))
    var commandB: String?
    @Option(name: .customLong("command-server"), help: ArgumentHelp("What the server runs, through sh; started first.", valueName: "command"))
    var commandServer: String?
    @Option(help: ArgumentHelp("What another host runs, through sh: NAME=COMMAND.", valueName: "command"))
    var command: [String] = []
    @Option(help: ArgumentHelp("Something that goes wrong: TIME:FAULT (see 'bodkin lab fault --help').", valueName: "fault"))
    var fault: [String] = []
    @Option(help: ArgumentHelp("Ends the programs after this time (SIGTERM, and two seconds), with status 124.", valueName: "time"))
    var timeout: TimeArgument?
    @Flag(help: "Shows what passed and what was refused, also with programs.")
    var timeline = false
    @Flag(help: "Prints the outcome as JSON on standard output; what the programs write goes to standard error.")
    var json = false
    @Argument(parsing: .postTerminator, help: "What host a runs, without a shell. No program has an input.")
    var program: [String] = []

    func run() async throws {
        try await runLab {
            let seed = lab.links.seedOrRandom()
            let topology = try lab.topology(seed: seed)
            let plan = try LabPlan(self, topology)
            if lab.links.seed == nil && !plan.programs.isEmpty { printError("seed \(seed)") }
            var options = Lab.Options()
            options.capture = lab.pcap
            options.isTracing = plan.programs.isEmpty || timeline
            let report = try await withLab(topology, options: options) { lab in
                try await withControl(of: lab) { try await plan.carryOut(in: lab) }
            }
            if json { try report.printJSON() } else { report.printText() }
            guard report.status == 0 else { throw ExitCode(report.status) }
        }
    }
}
#endif
