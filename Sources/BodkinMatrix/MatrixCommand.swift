import ArgumentParser
import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import FoundationEssentials

struct MatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin-matrix", abstract: "Dials in every cell of the matrix, each time in a fresh lab, and writes down what came of it.")

    @Option(help: "Only the cell of this name.") var cell: String?
    @Option(name: .customLong("repeat"), help: "Dials in each cell without loss.") var repeats = 1
    @Option(help: "Dials in each cell with 2 % loss on every link, each way.") var lossy = 0
    @Option(help: "Dials of each kind for the speed figures.") var speed = 0
    @Option(help: "The bodkin command, for cold dials.") var bodkin: String?
    @Option(help: "The seed that every lab's own follows from; random unless given, and always printed.") var seed = UInt64.random(
        in: 0 ... .max >> 32)
    @Option(help: "Labs at once; speed is always measured in one.") var parallel = 10
    @Option(help: "Writes every dial as JSON.") var json: String?
    @Option(help: "Writes a page about it.") var markdown: String?
    @Flag(help: "Prints what happens to every packet.") var trace = false
    @Flag(help: "Prints what happens in both peers, and their reports.") var verbose = false

    static func start() async { await main() }

    func validate() throws {
        guard cell == nil || PeerCell.all.contains(where: { $0.name == cell }) else { throw ValidationError("no cell has this name") }
        guard (0...10_000).contains(repeats), (0...10_000).contains(lossy), (0...10_000).contains(speed), (1...32).contains(parallel) else {
            throw ValidationError("--repeat, --lossy and --speed take 0 to 10000, --parallel 1 to 32")
        }
    }

    func run() async throws {
        print("seed \(seed), kernel \(Lab.kernelRelease)")
        let cells = PeerCell.all.filter { cell == nil || $0.name == cell }
        // The distributor's suffix says nothing about TCP.
        let kernel = String(Lab.kernelRelease.prefix { $0.isNumber || $0 == "." })
        var evidence = Evidence(kernel: kernel, seed: seed)
        for trial in SpeedTrial.all where speed > 0 && cell == nil {
            let figures = try await trial.run(count: speed, seed: seed, bodkin: bodkin)
            print(figures.line)
            evidence.speed.append(figures)
        }
        evidence.dials += try await dials(cells, loss: 0, count: repeats)
        evidence.dials += try await dials(cells, loss: 0.02, count: lossy)
        print(evidence.summary)
        if let json { try Data(evidence.json.utf8).write(to: URL(filePath: json)) }
        if let markdown { try Data(evidence.page(cells).utf8).write(to: URL(filePath: markdown)) }
        guard evidence.failures.isEmpty else { throw ExitCode.failure }
    }

    /// Says so when a dial takes longer than any should.
    private static func complain(_ name: String) async {
        guard (try? await Task.sleep(for: .seconds(60))) != nil else { return }
        print("\(name): still under way after a minute")
    }

    private func dials(_ cells: [PeerCell], loss: Double, count: Int) async throws -> [Evidence.Dial] {
        var settings = PeerExercise.Settings()
        settings.loss = loss
        if verbose { settings.onEvent = { print($0, $1.elapsed.inMilliseconds, $1.kind) } }
        settings.options.isTracing = trace
        let fixed = settings
        // Round after round, so that what the machine does otherwise falls on all cells alike.
        let jobs = (0..<count).flatMap { round in cells.indices.map { (round, $0) } }
        var result: [Evidence.Dial] = []
        try await withThrowingTaskGroup(of: Evidence.Dial.self) { group in
            var next = jobs.makeIterator()
            func add() {
                guard let (round, index) = next.next() else { return }
                let (cell, own) = (cells[index], seed &+ UInt64(round * cells.count + index))
                group.addTask {
                    let watch = Task { await Self.complain("\(cell.name), seed \(own), loss \(loss)") }
                    defer { watch.cancel() }
                    var result = PeerExercise()
                    do {
                        result = try await PeerExercise.run(cell, seed: own, settings: fixed)
                    } catch {
                        result.failure = "\(error)"
                    }
                    if let start = result.events.first?.time { for line in Timeline.lines(result.events, since: start) { print(line) } }
                    return Evidence.Dial(cell, own, loss, result)
                }
            }
            for _ in 0..<parallel { add() }
            for try await dial in group {
                if verbose || !dial.isAsExpected || cells.count == 1 { print(dial.line) }
                result.append(dial)
                if result.count.isMultiple(of: 500) { print("\(result.count) of \(jobs.count) dials") }
                add()
            }
        }
        return result
    }
}
