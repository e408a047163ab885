#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab
import Glibc

struct LabShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell", abstract: "Start a lab with a shell in one host.",
        discussion: """
            Examples:
              bodkin lab shell --a port-restricted --b cgn
              bodkin lab shell --a open --b symmetric-random --shell b
            """)

    @OptionGroup var lab: LabOptions
    @Option(help: ArgumentHelp("Open the shell in this host.", valueName: "name"))
    var shell = "a"

    func run() async throws {
        try await runLab {
            let seed = lab.links.seedOrRandom()
            let topology = try lab.topology(seed: seed)
            if lab.links.seed == nil { printError("seed \(seed)") }
            var options = Lab.Options()
            options.capture = lab.pcap
            let status = try await withLab(topology, options: options) { lab in
                try await withControl(of: lab) { try await open(in: lab) }
            }
            guard status == 0 else { throw ExitCode(status) }
        }
    }

    private func open(in lab: Lab) async throws -> Int32 {
        let process = getpid()
        printError("The lab runs until this shell ends. Use these commands in other terminals:")
        for host in lab.hosts {
            let outside = lab.topology.outsideAddress(of: host.name).map { $0 == host.address ? "" : ", external address \($0)" } ?? ""
            printError("  bodkin lab enter \(process) \(host.name.padded(8))  # \(host.address)\(outside)")
            for interface in host.interfaces.dropFirst() {
                let seen = lab.topology.outsideAddress(of: interface.name).map { ", external address \($0)" } ?? ""
                printError("    \(interface.name): \(interface.addresses.map { "\($0)" }.joined(separator: ", "))\(seen)")
            }
        }
        printError("  bodkin lab fault \(process) reboot:a")
        let name = getenv("SHELL").map { String(cString: $0) } ?? "/bin/sh"
        let program = try lab.host(shell).start([name], environment: ["PS1": "\(shell)# "], output: .terminal)
        return await withTaskCancellationHandler {
            await program.wait().status
        } onCancel: {
            program.kill()
        }
    }
}

struct LabEnterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enter", abstract: "Run a program or a shell in a host of a running lab.",
        discussion: """
            Examples:
              bodkin lab enter 4711 b
              bodkin lab enter 4711 server -- ss -tn
            """)

    @Argument(help: "Name the lab by its process ID (see 'bodkin lab list').")
    var process: Int32
    @Argument(help: "Name the host.")
    var host: String
    @Argument(parsing: .postTerminator, help: "Run this program with its arguments; default: a shell.")
    var program: [String] = []

    func run() throws {
        do {
            for (name, value) in try LabControl.environment(of: host, of: process) { setenv(name, value, 1) }
            try LabControl.enter(host, of: process)
        } catch let error as LabError {
            throw reported(error)
        }
        let shell = getenv("SHELL").map { String(cString: $0) } ?? "/bin/sh"
        let arguments = program.isEmpty ? [shell] : program
        var pointers = arguments.map { strdup($0) } + [nil]
        execvp(arguments[0], &pointers)
        printError("bodkin lab: The system cannot start \(arguments[0]) (\(String(cString: strerror(errno)))). Check the name and the PATH.")
        throw ExitCode(127)
    }
}

struct LabListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the running labs and their hosts.",
        discussion: """
            Examples:
              bodkin lab list
              bodkin lab fault $(bodkin lab list | cut -d' ' -f1) reboot:a
            """)

    func run() {
        for process in LabControl.running() {
            let hosts = (try? LabControl.request("hosts", of: process)) ?? ""
            let names = hosts.split(separator: "\n").map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
            print("\(process)  \(names.joined(separator: ", "))")
        }
    }
}

struct LabFaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault", abstract: "Inject a fault into a running lab.",
        discussion: """
            Faults, where a is a host, an interface (a.eth1) or a NAT:
              reboot:a                 a's NAT deletes all mappings
              address:a:203.0.113.200  a's NAT takes this address, deletes all mappings
              down:a, up:a             a's link goes down, or comes back
              blackhole:a:up:2s        a's link drops all packets from a for 2 s
              blackhole:a:down:2s      a's link drops all packets to a for 2 s
              loss:a:50%:500ms         a's link loses half of all packets for 500 ms
              break:a:ipv4             a's link drops all IPv4 packets; ipv6 likewise
              mend:a:ipv4              a's link carries IPv4 again; ipv6 likewise
              rst:a                    RSTs replace the next TCP segment at a's NAT
              rst:a:ENDPOINT           the same for a segment to or from ENDPOINT

            Examples:
              bodkin lab fault 4711 reboot:a
              bodkin lab fault 4711 blackhole:b:down:2s
            """)

    @Argument(help: "Name the lab by its process ID (see 'bodkin lab list').")
    var process: Int32
    @Argument(help: "Inject this fault.")
    var fault: String

    func run() throws {
        do {
            _ = try LabControl.request("fault \(fault)", of: process)
        } catch let error as LabError {
            throw reported(error)
        }
    }
}
#endif
