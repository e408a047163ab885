import ArgumentParser
import BodkinIdentity

struct IdentityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id", abstract: "Print the ID of the local peer, and create its identity if it has none.",
        discussion: """
            Examples:
              bodkin id
              bodkin id --state-dir ~/second-peer
            """)

    @OptionGroup var state: StateOptions

    func run() throws {
        do {
            print(try Identity.loadOrCreate(in: state.directory()).peerID)
        } catch {
            let failure = CommandFailure(error)
            printError("bodkin id: \(failure.message)")
            throw ExitCode(failure.status)
        }
    }
}
