import BodkinCore
import BodkinNATLab
import BodkinSystem
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix

/// What a server needs for circuits that are all alive at once: registered peers in pairs, a circuit for each pair, and on all of them together bytes that
/// go there and back again several times.
struct CircuitsBenchmark {
    /// How many circuits, each between two peers of its own.
    var pairs = 5_000

    /// The most resident memory that a circuit may take in the server beyond its two registered peers, in KiB: half as much again as the 33 that were
    /// measured. They are what two TLS connections keep of their buffers after blocks of 4 KiB; the windows of a circuit, 512 KiB, would show at once.
    private static let target = 50.0
    private static let echoes = 8
    private static let blockSize = 4096
    /// A ClientHello.
    private static let earlySize = 280
    /// Peers that register, and circuits that are opened, at the same time.
    private static let concurrency = 32

    /// Runs it and prints what it finds; false where anything fails or more memory is used than allowed.
    func run() async throws -> Bool {
        print("\(pairs) circuits at once between \(2 * pairs) peers, server in a process of its own, loopback; load before: \(KernelFigures.load)")
        let needed = 2 * pairs + 200
        let limit = DescriptorLimit.raise(to: needed)
        guard limit >= needed else {
            print("  this needs \(needed) descriptors a process, and at most \(limit) are allowed: raise it with ulimit -Hn, or take fewer pairs")
            return false
        }
        let server = try LoadedServer(peers: 2 * pairs, circuits: pairs)
        defer { server.end() }
        let ledger = DialLedger()
        let empty = ProcessFigures(of: server.process)
        let load = try await timed("registered") { try await register(server, ledger) }
        try await Task.sleep(for: .seconds(3))
        let idle = ProcessFigures(of: server.process)
        try await timed("circuits open, the first \(Self.earlySize) bytes echoed") {
            try await forEach(pairs, atOnce: Self.concurrency) { try await load[2 * $0].open(to: load[2 * $0 + 1].id, early: Self.early) }
        }
        let open = ProcessFigures(of: server.process)
        try await timed("\(Self.echoes) times \(Self.blockSize) bytes there and back on each, on all of them at once") {
            // Each goes on by itself as soon as its last block is back.
            try await forEach(pairs, atOnce: pairs) { pair in
                for number in 0..<Self.echoes { try await load[2 * pair].echo(Self.block(pair, number)) }
            }
        }
        let echoed = ProcessFigures(of: server.process)
        for pair in 0..<pairs { load[2 * pair].end() }
        try await Task.sleep(for: .seconds(3))
        let ended = ProcessFigures(of: server.process)
        ledger.end()
        let isGood = show([("without peers", empty), ("registered", idle), ("circuits open", open), ("echoed", echoed), ("circuits ended", ended)])
        for (what, number) in ledger.failures { print("  \(number) times \(what)") }
        for peer in load { await peer.close() }
        return isGood && ledger.failures.isEmpty
    }

    private func register(_ server: LoadedServer, _ ledger: DialLedger) async throws -> [CircuitPeer] {
        try await withThrowingTaskGroup(of: CircuitPeer.self) { tasks in
            var load: [CircuitPeer] = []
            for number in 0..<(2 * pairs) {
                if number >= Self.concurrency, let peer = try await tasks.next() { load.append(peer) }
                tasks.addTask { try await CircuitPeer(server.url, on: MultiThreadedEventLoopGroup.singleton.next(), ledger: ledger) }
            }
            for try await peer in tasks { load.append(peer) }
            return load
        }
    }

    private func forEach(_ count: Int, atOnce limit: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<count {
                if number >= limit { _ = try await tasks.next() }
                tasks.addTask { try await body(number) }
            }
            try await tasks.waitForAll()
        }
    }

    private func timed<Result>(_ what: String, _ body: () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        let result = try await body()
        print("  after \(Rounds.text((ContinuousClock.now - start) / .seconds(1), 1)) s: \(what)")
        return result
    }

    private static let early = Data(repeating: 0x16, count: earlySize)

    /// Bytes that no other echo has.
    private static func block(_ pair: Int, _ number: Int) -> Data {
        let value = UInt64(pair) << 16 | UInt64(number)
        return withUnsafeBytes(of: value.bigEndian) { word in Data((0..<(blockSize / 8)).flatMap { _ in word }) }
    }

    private func show(_ samples: [(name: String, figures: ProcessFigures)]) -> Bool {
        print("  the server:")
        for (name, figures) in samples {
            print(
                "    \(name): \(figures.resident >> 10) KiB resident, \(figures.peak >> 10) KiB at its highest, \(figures.descriptors) descriptors,",
                "\(Rounds.text(figures.processorTime, 1)) s of processor time")
        }
        guard let idle = samples.dropFirst().first?.figures, let peak = samples.last?.figures.peak else { return false }
        let perPeer = Double(idle.resident - samples[0].figures.resident) / 1024 / Double(2 * pairs)
        let perCircuit = Double(peak - idle.resident) / 1024 / Double(pairs)
        print(
            "  \(Rounds.text(perPeer, 1)) KiB for each registered peer, and at the highest \(Rounds.text(perCircuit, 1)) KiB more for each circuit",
            "(at most \(Rounds.text(Self.target, 0)) asked)")
        return perCircuit <= Self.target
    }
}
