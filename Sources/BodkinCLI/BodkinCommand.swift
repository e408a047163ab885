import ArgumentParser

struct BodkinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin", abstract: "Connect two programs directly over TCP through NATs.",
        discussion: """
            Examples:
              bodkin listen > file                      receive a file from any peer
              bodkin connect PEER-ID < file             send the file to that peer
            """,
        version: ProductVersion.text, subcommands: subcommands)

    /// Runs the command that the arguments name. Invalid arguments get one line of error and exit status 64.
    static func start() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let status as ExitCode {
            exit(withError: status)  // the command has printed the reason
        } catch let error where exitCode(for: error) == .validationFailure {
            printError("bodkin: \(usage(message(for: error)))")
            exit(withError: ExitCode.validationFailure)
        } catch {
            exit(withError: error)
        }
    }

    /// The message of a usage error in one line, with advice if the message has none.
    private static func usage(_ message: String) -> String {
        let line = message.split(separator: "\n").joined(separator: " ")
        if line.hasSuffix(".") { return line }
        return line + (line.hasSuffix("?") ? "" : ".") + " Run 'bodkin --help' for the options."
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
