import ArgumentParser
import FoundationEssentials

/// Where a peer keeps its identity, and a server what its URL depends on.
struct StateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the identity is kept; else $BODKIN_STATE, else $XDG_STATE_HOME/bodkin, else ~/.local/state/bodkin.", valueName: "dir"))
    var state: String?

    /// The directory by option, environment or convention.
    /// - Throws: ``CommandFailure`` where none of them names one.
    func directory() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let directory = state ?? value("BODKIN_STATE") { return directory }
        if let base = value("XDG_STATE_HOME") { return "\(base)/bodkin" }
        if let home = value("HOME") { return "\(home)/.local/state/bodkin" }
        throw CommandFailure(
            CommandFailure.Status.usage, "there is no home directory to keep the identity in: give --state DIR, or set BODKIN_STATE")
    }
}
