#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "Run programs behind NATs of every kind on this machine.",
        discussion: """
            Hosts are network namespaces with real TCP stacks. The lab emulates NATs and links, or builds NATs from nftables with --kernel. A lab \
            needs /dev/net/tun, and root or an unprivileged user namespace.

            Examples:
              bodkin lab run --a port-restricted --b cgn
              bodkin lab run --a cgn --b open -- ping -c 3 198.51.100.1
            """,
        subcommands: [
            LabRunCommand.self, LabMatrixCommand.self, LabShellCommand.self, LabEnterCommand.self, LabFaultCommand.self, LabListCommand.self,
            LabPresetsCommand.self,
        ])
}

struct LabPresetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presets", abstract: "List the kinds of NAT by name.",
        discussion: """
            Examples:
              bodkin lab presets
              bodkin lab presets | grep kernel
            """)

    func run() {
        let width = NATPreset.allCases.map(\.rawValue.count).max() ?? 0
        for preset in NATPreset.allCases {
            let mark = KernelNAT.canExpress(preset) ? "kernel too" : ""
            print(preset.rawValue.padded(width), mark.padded(10), preset.summary, separator: "  ")
        }
        print("\nTYPE/DELTA names a further NAT, such as symmetric/random. TYPE is one of")
        for kind in NATConfiguration.Kind.allCases { print(kind.rawValue.padded(width), kind.summary, separator: "  ") }
        print("DELTA is the allocation of external ports, one of")
        for delta in NATConfiguration.Delta.allCases { print(delta.rawValue.padded(width), delta.summary, separator: "  ") }
    }
}

extension String {
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Runs the body of a lab command. An error becomes one line and an exit status; a signal ends the lab in good order.
func runLab(_ body: @escaping @Sendable () async throws -> Void) async throws {
    do {
        if let signal = try await withInterruption(body) { throw ExitCode(128 + signal) }
    } catch let error as LabError {
        throw reported(error)
    }
}

/// Prints an error in one line, and returns its exit status.
func reported(_ error: LabError) -> ExitCode {
    printError("bodkin lab: \(error.message)")
    return ExitCode(error.exitStatus)
}
#endif
