import ArgumentParser

struct BodkinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin", abstract: "Connects two programs directly over TCP through NATs, and shows how in a laboratory.",
        version: "0.1.0", subcommands: subcommands)

    private static var subcommands: [any ParsableCommand.Type] {
        #if canImport(BodkinNATLab)
        [LabCommand.self]
        #else
        []
        #endif
    }
}
