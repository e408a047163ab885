import ArgumentParser
import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import FoundationEssentials

struct MatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bodkin-matrix", abstract: "Dials in every cell of the matrix, each time in a fresh lab, and writes down what came of it.")

    @Option(help: "Only the cell, or pair, of this name.") var cell: String?
    @Option(name: .customLong("repeat"), help: "Dials in each cell without loss.") var repeats = 1
    @Option(help: "Dials in each cell with 2 % loss on every link, each way.") var lossy = 0
    @Option(help: "Dials of each kind for the speed figures.") var speed = 0
    @Option(help: "Dials of each pair of presets of which one is symmetric, beside their estimates.") var presets = 0
    @Option(help: "Dials of each pair of p2pd's configurations, beside their estimates.") var configurations = 0
    @Option(help: "The bodkin command, for cold dials.") var bodkin: String?
    @Option(help: "The seed that every lab's own follows from; random unless given, and always printed.") var seed = UInt64.random(
        in: 0 ... .max >> 32)
    @Option(help: "Labs at once; where times are asked there is always one.") var parallel = 10
    @Option(help: "Writes every dial as JSON.") var json: String?
    @Option(help: "Writes a page about it.") var markdown: String?
    @Option(help: "Writes the maps of all pairs as a page of their own.") var html: String?
    @Option(help: ArgumentHelp("What this run does not measure is taken from this JSON of an earlier one.", valueName: "json")) var keep: String?
    @Flag(help: "Prints what happens to every packet.") var trace = false
    @Flag(help: "Prints what happens in both peers, and their reports.") var verbose = false

    static func start() async { await main() }

    func validate() throws {
        let names = PeerCell.all.map(\.name) + PairEvidence.catalogue.map(\.name)
        guard cell == nil || names.contains(where: { $0 == cell }) else { throw ValidationError("no cell has this name") }
        guard [repeats, lossy, speed, presets, configurations].allSatisfy((0...10_000).contains), (1...32).contains(parallel) else {
            throw ValidationError("--repeat, --lossy, --speed, --presets and --configurations take 0 to 10000, --parallel 1 to 32")
        }
    }

    func run() async throws {
        print("seed \(seed), kernel \(Lab.kernelRelease)")
        let cells = PeerCell.all.filter { cell == nil || $0.name == cell }
        // The distributor's suffix says nothing about TCP.
        let kernel = String(Lab.kernelRelease.prefix { $0.isNumber || $0 == "." })
        var evidence = Evidence(kernel: kernel, seed: seed)
        if let keep { evidence.keep(try Evidence(json: String(decoding: Data(contentsOf: URL(filePath: keep)), as: UTF8.self)), except: self) }
        for trial in SpeedTrial.all where speed > 0 && cell == nil {
            let figures = try await trial.run(count: speed, seed: seed, bodkin: bodkin)
            print(figures.line)
            evidence.speed.append(figures)
        }
        evidence.dials += await dials(cells, loss: 0, count: repeats)
        evidence.dials += await dials(cells, loss: 0.02, count: lossy)
        let outcomes = await outcomes()
        if !outcomes.isEmpty { evidence.pairs = evidence.pairs ?? PairEvidence() }
        evidence.pairs?.replace(with: outcomes)
        print(evidence.summary)
        if let pairs = evidence.pairs { print(([pairs.summary] + pairs.findings.map(\.line)).joined(separator: "\n")) }
        if let json { try Data(evidence.json.utf8).write(to: URL(filePath: json)) }
        if let markdown { try Data(evidence.page(PeerCell.all).utf8).write(to: URL(filePath: markdown)) }
        if let html { try Data(MatrixPage(evidence: evidence).html.utf8).write(to: URL(filePath: html)) }
        guard evidence.failures.isEmpty else { throw ExitCode.failure }
    }

    /// Says so when a dial takes longer than any should.
    private static func complain(_ name: String) async {
        guard (try? await Task.sleep(for: .seconds(60))) != nil else { return }
        print("\(name): still under way after a minute")
    }

    /// What every dial is made with.
    private var settings: PeerExercise.Settings {
        var settings = PeerExercise.Settings()
        if verbose { settings.onEvent = { print($0, $1.elapsed.inMilliseconds, $1.kind) } }
        settings.options.isTracing = trace
        return settings
    }

    private func dials(_ cells: [PeerCell], loss: Double, count: Int) async -> [Evidence.Dial] {
        var settings = settings
        settings.loss = loss
        let fixed = settings
        // Round after round, so that what the machine does otherwise falls on all cells alike.
        let jobs = (0..<count).flatMap { round in cells.indices.map { (cells[$0], seed &+ UInt64(round * cells.count + $0)) } }
        var result: [Evidence.Dial] = []
        await inParallel(jobs, parallel) { cell, own in
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
        } done: { dial in
            if verbose || !dial.isAsExpected || cells.count == 1 { print(dial.line) }
            result.append(dial)
            if result.count.isMultiple(of: 500) { print("\(result.count) of \(jobs.count) dials") }
        }
        return result
    }

    /// Dials every pair of both catalogues as often as it is asked for.
    private func outcomes() async -> [PairOutcome] {
        var outcomes: [PairOutcome] = []
        var jobs: [(index: Int, round: Int, trial: PairTrial)] = []
        for (group, pairs, count) in [
            (PairOutcome.Group.presets, NATPair.presets, presets), (.configurations, NATPair.configurations, configurations),
        ] {
            let chosen = pairs.filter { cell == nil || $0.description == cell }
            guard count > 0 else { continue }
            for round in 0..<count {
                for (offset, pair) in chosen.enumerated() {
                    // The two groups have seeds far apart.
                    let own = seed &+ UInt64(round * chosen.count + offset) &+ (group == .presets ? 0 : 1 << 33)
                    let trial = PairTrial(pair: pair, seed: own, dialer: round.isMultiple(of: 2) ? .a : .b, settings: settings)
                    jobs.append((outcomes.count + offset, round, trial))
                }
            }
            outcomes += chosen.map { PairOutcome($0, group) }
        }
        // Round after round of both, in strides through the pairs: searches for ports, which are neighbours in the catalogue, do not fall on one moment.
        let stride = 97
        func place(_ index: Int) -> Int { index * stride % max(1, outcomes.count) }
        jobs.sort { ($0.round, place($0.index)) < ($1.round, place($1.index)) }
        // Where a time is asked, one lab has the machine to itself.
        let isTimed = outcomes.map { $0.goal?.median != nil }
        let (isAlone, isTalkative) = (outcomes.count <= 2, verbose)
        var count = 0
        for (chosen, parallel) in [(jobs.filter { isTimed[$0.index] }, 1), (jobs.filter { !isTimed[$0.index] }, parallel)] {
            await inParallel(chosen, parallel) { index, _, trial in
                let watch = Task { await Self.complain("\(trial.pair), seed \(trial.seed)") }
                defer { watch.cancel() }
                let (dial, report, events) = await trial.run()
                if let start = events.first?.time { for line in Timeline.lines(events, since: start) { print(line) } }
                return (index, dial, report)
            } done: { index, dial, report in
                outcomes[index].dials.append(dial)
                let line = outcomes[index].note(dial, report)
                if isAlone || isTalkative || dial.failure != nil { print(line) }
                count += 1
                if count.isMultiple(of: 500) { print("\(count) of \(jobs.count) dials of pairs") }
            }
        }
        for index in outcomes.indices { outcomes[index].dials.sort { $0.seed < $1.seed } }
        return outcomes
    }
}

extension Evidence {
    /// Takes over what an earlier run has found and this one does not look at.
    mutating func keep(_ earlier: Evidence, except command: MatrixCommand) {
        if command.repeats == 0 && command.lossy == 0 {
            (dials, seed, kernel) = (earlier.dials, earlier.seed, earlier.kernel)
        }
        if command.speed == 0 { speed = earlier.speed }
        pairs = earlier.pairs
    }
}
