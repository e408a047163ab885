#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinExercise
import BodkinNATLab
import FoundationEssentials

struct LabMatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix", abstract: "Tries every pair of NATs with plain sockets: does a simultaneous open connect them, and how fast?",
        discussion: """
            Pairs are unordered; each try is a fresh lab with a seed of its own that follows from --seed. Beside each outcome stands what the oracle says of two \
            Bodkin peers there, who may predict ports; plain sockets do not.
            """)

    @OptionGroup var links: LinkOptions
    @Option(help: ArgumentHelp("Only these NATs, separated by commas, of \(AccessNetwork.choice()); all but TYPE/DELTA without.", valueName: "nats"))
    var presets: String?
    @Option(name: .customLong("repeat"), help: "Tries of each pair.")
    var repeats = 1
    @Option(help: ArgumentHelp("Writes every try as JSON.", valueName: "file"))
    var json: String?
    @Option(help: ArgumentHelp("Writes the table as a page.", valueName: "file"))
    var html: String?

    func validate() throws {
        guard (1...1000).contains(repeats) else { throw ValidationError("--repeat takes 1 to 1000") }
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

    /// The presets that can be had, or those networks that are named.
    private func chosenNetworks() throws -> [AccessNetwork] {
        let all = AccessNetwork.allCases.filter { !links.isKernel || $0.layers.isEmpty || KernelNAT.canExpress($0.preset) }
        guard let presets else {
            return NATPreset.allCases.map(AccessNetwork.preset).filter { all.contains($0) }
        }
        if presets.allSatisfy({ $0 == "," }) { throw LabError(.usage, "no NAT is named: choose from \(AccessNetwork.choice(among: all))") }
        return try presets.split(separator: ",").map { try AccessNetwork(named: String($0), among: all) }
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: path))
        } catch {
            throw LabError(.usage, "\(path) cannot be written: name a file in a folder that exists")
        }
    }
}
#endif
