import ArgumentParser
import BodkinIdentity
import FoundationEssentials

/// The directory with the identity of a peer, or the key and token of a server.
struct StateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Keep keys in this directory; default: $BODKIN_STATE, $XDG_STATE_HOME/bodkin or ~/.local/state/bodkin.", valueName: "dir"),
        completion: .directory)
    var stateDir: String?
    /// The name that the option had before. Scripts go on.
    @Option(help: .hidden)
    var state: String?

    /// Returns the directory by option, environment or convention.
    /// - Throws: ``CommandFailure`` if none of them names a directory. ``IdentityError`` if others could replace the keys in it.
    func directory() throws -> String {
        let directory = try name()
        try SecretFile.checkDirectory(directory)
        return directory
    }

    private func name() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let directory = stateDir ?? state ?? value("BODKIN_STATE") { return directory }
        if let base = value("XDG_STATE_HOME") { return "\(base)/bodkin" }
        if let home = value("HOME") { return "\(home)/.local/state/bodkin" }
        throw CommandFailure(
            CommandFailure.Status.usage, "The environment names no directory for keys. Give --state-dir DIR, or set BODKIN_STATE.")
    }
}
