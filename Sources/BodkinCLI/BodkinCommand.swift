import ArgumentParser

struct BodkinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin", abstract: "Connects two programs directly over TCP through NATs, and shows how in a laboratory.",
        version: "0.1.0", subcommands: subcommands)

    /// Runs the command that the arguments name. Arguments that make no sense get one line and status 64.
    static func start() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let status as ExitCode {
            exit(withError: status)  // the command has said why
        } catch let error where exitCode(for: error) == .validationFailure {
            printError("bodkin: \(message(for: error).split(separator: "\n").joined(separator: " ")); 'bodkin --help' tells more")
            exit(withError: ExitCode.validationFailure)
        } catch {
            exit(withError: error)
        }
    }

    private static var subcommands: [any ParsableCommand.Type] {
        let everywhere: [any ParsableCommand.Type] = [
            IdentityCommand.self, ServerCommand.self, ListenCommand.self, ConnectCommand.self, CheckCommand.self,
        ]
        #if canImport(BodkinNATLab)
        return everywhere + [DemoCommand.self, LabCommand.self]
        #else
        return everywhere
        #endif
    }
}
