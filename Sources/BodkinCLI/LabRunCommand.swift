#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

struct LabRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run programs in a lab of two hosts behind NATs and a public server.",
        discussion: """
            The environment of each program holds the addresses: BODKIN_LAB_HOST, BODKIN_LAB_ADDRESS, and for every host H BODKIN_LAB_H, \
            BODKIN_LAB_H_6 and BODKIN_LAB_H_OUTSIDE. BODKIN_LAB_SERVER_2 is the second address of the server. BODKIN_LAB_H_ETH1 (with _6, \
            _OUTSIDE) is the address of a further interface of H. The lab ends when all programs except the server's have ended.

            Without programs, plain sockets show which packets pass and which the NATs refuse.

            Examples:
              bodkin lab run --a port-restricted --b cgn
              bodkin lab run --a cgn --b open --fault 1s:reboot:a -- ping -c 3 198.51.100.1

            Exit status: the first status other than 0 of a program; without programs 0 if a simultaneous open connected a and b, otherwise 1.
            """)

    @OptionGroup var lab: LabOptions
    @Option(name: .customLong("command-a"), help: ArgumentHelp("Run this command in host a, through sh.", valueName: "command"))
    var commandA: String?
    @Option(name: .customLong("command-b"), help: ArgumentHelp("Run this command in host b, through sh.", valueName: "command"))
    var commandB: String?
    @Option(name: .customLong("command-server"), help: ArgumentHelp("Run this command in the server first, through sh.", valueName: "command"))
    var commandServer: String?
    @Option(help: ArgumentHelp("Run a command in another host, through sh: NAME=COMMAND.", valueName: "command"))
    var command: [String] = []
    @Option(help: ArgumentHelp("Inject a fault: TIME:FAULT (see 'bodkin lab fault --help').", valueName: "fault"))
    var fault: [String] = []
    @Option(help: ArgumentHelp("End the programs after this time with status 124 (SIGTERM, and SIGKILL 2 s later).", valueName: "time"))
    var timeout: TimeArgument?
    @Flag(help: "Print the timeline of packets, also with programs.")
    var timeline = false
    @Flag(help: "Print the outcome as JSON; the output of the programs goes to standard error.")
    var json = false
    @Argument(parsing: .postTerminator, help: "Run this program in host a without a shell. Its standard input is empty.")
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
