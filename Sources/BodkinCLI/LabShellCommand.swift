#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab
import Glibc

struct LabShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell", abstract: "Leaves a lab up, with a shell in one host, and in the others from other terminals.")

    @OptionGroup var lab: LabOptions
    @Option(help: ArgumentHelp("The host of the shell in this terminal.", valueName: "name"))
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
        printError("The lab is up until this shell ends. From other terminals:")
        for host in lab.hosts {
            let outside = lab.topology.outsideAddress(of: host.name).map { $0 == host.address ? "" : ", seen as \($0)" } ?? ""
            printError("  bodkin lab enter \(process) \(host.name.padded(8))  # \(host.address)\(outside)")
            for interface in host.interfaces.dropFirst() {
                let seen = lab.topology.outsideAddress(of: interface.name).map { ", seen as \($0)" } ?? ""
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
    static let configuration = CommandConfiguration(commandName: "enter", abstract: "Runs a program, or a shell, in a host of a running lab.")

    @Argument(help: "The lab, by its process (see 'bodkin lab list').")
    var process: Int32
    @Argument(help: "The host.")
    var host: String
    @Argument(parsing: .postTerminator, help: "The program and its arguments; a shell without.")
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
        printError("bodkin lab: \(arguments[0]) cannot be started: \(String(cString: strerror(errno))); check its name and the PATH")
        throw ExitCode(127)
    }
}

struct LabListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the labs that run here, with their hosts.")

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
        commandName: "fault", abstract: "Makes something go wrong in a running lab.",
        discussion: """
            Faults, where a is a host, an interface (a.eth1) or a NAT:
              reboot:a                   a's NAT forgets all mappings
              address:a:203.0.113.200    a's NAT gets another outside address and forgets all mappings
              down:a, up:a               a's own link goes down, comes back
              blackhole:a:up:2s          nothing leaves a for 2 s; down: nothing reaches it
              loss:a:50%:500ms           half of all packets on a's link are lost for 500 ms
              break:a:ipv4, mend:a:ipv4  a's own link loses all IPv4 without a word, carries it again; ipv6 likewise
              rst:a, rst:a:ENDPOINT      the next TCP segment on a's NAT's uplink is replaced by RSTs to both ends: any, or to or from ENDPOINT
            """)

    @Argument(help: "The lab, by its process (see 'bodkin lab list').")
    var process: Int32
    @Argument(help: "The fault.")
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
