import ArgumentParser
import BodkinCore
import BodkinIdentity
import BodkinServer
import FoundationEssentials

/// The TURN relays that a server's peers may use. The file of secrets is read again on SIGHUP.
struct RelayOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Give peers this TURN relay, such as turns:relay.example.org:443; repeat for several. Needs --turn-secret-file.", valueName: "uri"))
    var turn: [String] = []
    @Option(
        help: ArgumentHelp("Read the secret of the relays from this file: a line, or two while it changes, the newest first.", valueName: "file"),
        completion: .file())
    var turnSecretFile: String?

    func validate() throws {
        if turn.isEmpty != (turnSecretFile == nil) { throw ValidationError("--turn and --turn-secret-file belong together. Give both.") }
    }

    /// The relays as they are now; nil for none.
    func relays() throws -> TURNRelays? {
        guard let turnSecretFile else { return nil }
        let addresses = try turn.map { text in
            do throws(TURNURI.ParseError) { return try TURNURI(text) } catch {
                throw CommandFailure(CommandFailure.Status.usage, "'\(text)' is no relay. \(error.message)")
            }
        }
        guard let text = try SecretFile.read(turnSecretFile, limit: 4_096) else {
            throw CommandFailure(CommandFailure.Status.data, "There is no file \(turnSecretFile). Name the file that holds the relays' secret.")
        }
        let secrets = text.split(separator: "\n").map { Array($0.utf8.filter { $0 > 0x20 }) }.filter { !$0.isEmpty }
        guard let relays = TURNRelays(addresses, secrets: secrets) else {
            let limits = TURNRelays.limits
            throw CommandFailure(
                CommandFailure.Status.data,
                "There are more than \(limits.relays) relays, or \(turnSecretFile) has not one or \(limits.secrets) lines. Write the secret there, as coturn's static-auth-secret has it."
            )
        }
        return relays
    }
}
