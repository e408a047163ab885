#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "Runs programs behind NATs of every kind, on this machine.",
        discussion: """
            Hosts are network namespaces with real TCP stacks; NATs and links are emulated, or made of nftables with --kernel. It needs root or \
            an unprivileged user namespace, and /dev/net/tun.
            """,
        subcommands: [
            LabRunCommand.self, LabMatrixCommand.self, LabShellCommand.self, LabEnterCommand.self, LabFaultCommand.self, LabListCommand.self,
            LabPresetsCommand.self,
        ])
}

struct LabPresetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "presets", abstract: "Lists the kinds of NAT by name.")

    func run() {
        let width = NATPreset.allCases.map(\.rawValue.count).max() ?? 0
        for preset in NATPreset.allCases {
            let mark = KernelNAT.canExpress(preset) ? "kernel too" : ""
            print(preset.rawValue.padded(width), mark.padded(10), preset.summary, separator: "  ")
        }
        print("\nand TYPE/DELTA, such as symmetric/random, where TYPE is one of")
        for kind in NATConfiguration.Kind.allCases { print(kind.rawValue.padded(width), kind.summary, separator: "  ") }
        print("and DELTA, the external port, one of")
        for delta in NATConfiguration.Delta.allCases { print(delta.rawValue.padded(width), delta.summary, separator: "  ") }
    }
}

extension String {
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Runs the body of a lab command: errors become one line and an exit status, signals a tidy end.
func runLab(_ body: @escaping @Sendable () async throws -> Void) async throws {
    do {
        if let signal = try await withInterruption(body) { throw ExitCode(128 + signal) }
    } catch let error as LabError {
        throw reported(error)
    }
}

/// Says what went wrong, in one line, and returns the exit status that says the same.
func reported(_ error: LabError) -> ExitCode {
    printError("bodkin lab: \(error.message)")
    return ExitCode(error.exitStatus)
}
#endif
