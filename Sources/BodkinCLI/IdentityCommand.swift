import ArgumentParser
import BodkinIdentity

struct IdentityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id", abstract: "Prints this peer's ID, and creates its identity where there is none.")

    @OptionGroup var state: StateOptions

    func run() throws {
        do {
            print(try Identity.loadOrCreate(in: state.directory()).peerID)
        } catch let error as IdentityError {
            printError("bodkin id: \(error.message)")
            throw ExitCode(error.code == .exposed ? 77 : error.code == .system ? 73 : 65)
        }
    }
}
