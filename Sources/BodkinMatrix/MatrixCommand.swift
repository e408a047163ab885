import ArgumentParser
import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab

struct MatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin-matrix", abstract: "Dials in every cell of the matrix, and writes down what came of it.")

    @Option(help: "Only cells whose name contains this.") var cell = ""
    @Option(name: .customLong("repeat"), help: "Dials in each cell, each in a fresh lab.") var repeats = 1
    @Option(help: "Loss on every link, in percent.") var loss = 0.0
    @Option(help: "The seed that every lab's own follows from.") var seed = UInt64.random(in: 0 ... .max)

    static func start() async { await main() }

    @Flag(help: "Prints what happens in both peers.") var verbose = false

    func run() async throws {
        var settings = PeerExercise.Settings()
        if verbose { settings.onEvent = { print($0, $1.elapsed.inMilliseconds, $1.kind) } }
        for cell in PeerCell.all where self.cell.isEmpty || cell.name == self.cell {
            for index in 0..<repeats {
                let result = try await PeerExercise.run(cell, seed: seed &+ UInt64(index), settings: settings)
                print(
                    "\(cell.name): \(result.route.map(\.rawValue) ?? "none"), far byte \(result.farByte?.inMilliseconds ?? "-"), echo \(result.echo?.inMilliseconds ?? "-") \(result.failure ?? "")"
                )
                print(result.report.map { "\($0)" } ?? "")
                print("\(result.cost)")
            }
        }
    }
}
