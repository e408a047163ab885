#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab
import BodkinPairs
import BodkinPrediction
import FoundationEssentials

struct LabMatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix", abstract: "Try a simultaneous open with plain sockets behind every pair of NATs.",
        discussion: """
            Pairs are unordered, and each try is a fresh lab with a seed derived from --seed. The last column estimates the connection of two \
            Bodkin peers, because they may predict ports and plain sockets do not.

            Examples:
              bodkin lab matrix
              bodkin lab matrix --presets cgn,symmetric/random --html matrix.html
            """)

    @OptionGroup var links: LinkOptions
    @Option(help: ArgumentHelp("Try only these NATs, separated by commas: \(AccessNetwork.choice()). Default: all presets.", valueName: "nats"))
    var presets: String?
    @Option(name: .customLong("repeat"), help: "Repeat each pair this often.")
    var repeats = 1
    @Option(help: ArgumentHelp("Write every try to this file as JSON.", valueName: "file"), completion: .file())
    var json: String?
    @Option(help: ArgumentHelp("Write the table to this file as HTML.", valueName: "file"), completion: .file())
    var html: String?

    func validate() throws {
        guard (1...1000).contains(repeats) else { throw ValidationError("The value of --repeat is out of range. Give 1 to 1000.") }
    }

    func run() async throws {
        try await runLab {
            let chosen = try chosenNetworks()
            for path in [json, html].compactMap({ $0 }) { try write("", to: path) }
            let seed = links.seedOrRandom()
            var matrix = LabMatrix(kernel: Lab.kernelRelease, seed: seed, isKernelNAT: links.isKernel, link: links.link, repeats: repeats)
            let pairs = chosen.indices.flatMap { first in chosen[first...].map { (chosen[first], $0) } }
            for (index, (a, b)) in pairs.enumerated() {
                let oracle = NATPair(a, b).forecast.words
                for attempt in 0..<repeats {
                    try Task.checkCancellation()
                    let own = seed &+ UInt64(index * repeats + attempt)
                    let topology = Topology.pair(a, b, link: links.link, implementation: links.implementation, seed: own)
                    let exercise = try await withLab(topology) { try await PlainExercise.run(in: $0, patience: links.patience) }
                    matrix.tries.append(LabMatrix.Try(a: a.rawValue, b: b.rawValue, seed: own, oracle: oracle, exercise: exercise))
                }
                print(matrix.line(a.rawValue, b.rawValue))
            }
            if let json { try write(try BodkinCLI.json(matrix), to: json) }
            if let html { try write(matrix.page(chosen.map(\.rawValue)), to: html) }
            printError("seed \(seed), \(matrix.tries.count) tries, \(matrix.tries.count { $0.exercise.isConnected }) connected")
        }
    }

    /// Returns the networks of --presets, or all presets that the lab can build.
    private func chosenNetworks() throws -> [AccessNetwork] {
        let all = AccessNetwork.allCases.filter { !links.isKernel || $0.layers.isEmpty || KernelNAT.canExpress($0.preset) }
        guard let presets else {
            return NATPreset.allCases.map(AccessNetwork.preset).filter { all.contains($0) }
        }
        if presets.allSatisfy({ $0 == "," }) {
            throw LabError(.usage, "The option --presets names no NAT. Choose from \(AccessNetwork.choice(among: all)).")
        }
        return try presets.split(separator: ",").map { try AccessNetwork(named: String($0), among: all) }
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: path))
        } catch {
            throw LabError(.usage, "The file \(path) cannot be written. Name a file in an existing directory.")
        }
    }
}
#endif
