import ArgumentParser
import BodkinIdentity

struct IdentityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id", abstract: "Prints this peer's ID, and creates its identity where there is none.")

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
