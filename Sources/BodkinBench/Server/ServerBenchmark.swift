import BodkinCore
import BodkinNATLab
import BodkinSystem
import Glibc
import NIOCore
import NIOPosix

/// A rendezvous server with many idle peers, and dials among them.
struct ServerBenchmark {
    /// Idle peers.
    var peers = 5_000
    /// Dials a second, by chance as independent callers are (a Poisson process).
    var rate = 500.0
    /// How long they go on.
    var seconds = 20.0
    /// How long before and after the dials the peers are left alone, so that memory and processor time are those of idleness.
    var pause = Duration.seconds(5)

    /// Peers that connect at the same time. A server lets 32 NAT-binding connections from one address wait for their registrations.
    private static let connecting = 32

    /// Runs it and prints what it finds; false where anything has failed.
    func run() async throws -> Bool {
        print("\nrendezvous server in a process of its own, loopback, \(peers) peers; the machine's load before: \(KernelFigures.load)")
        // Two sockets of each peer, in this process and in the server's.
        let needed = 2 * peers + 100
        let limit = DescriptorLimit.raise(to: needed)
        guard limit >= needed else {
            print("  this needs \(needed) descriptors a process, and at most \(limit) are allowed: raise it with ulimit -Hn, or take fewer peers")
            return false
        }
        let server = try LoadedServer(peers: peers)
        defer { server.end() }
        let ledger = DialLedger()
        let before = Sample(server)
        let clock = ContinuousClock()
        let start = clock.now
        let load = try await register(server, ledger)
        let elapsed = start.duration(to: clock.now).milliseconds
        let registered = Sample(server)
        try await Task.sleep(for: pause)
        let idle = Sample(server)
        show(before, registered, idle, elapsed)
        try await dial(among: load, ledger)
        let dialed = Sample(server)
        try await Task.sleep(for: pause)
        let isGood = DialFigures(ledger).show()
        let perDial = (dialed.server.processorTime - idle.server.processorTime) * 1000 / Double(max(ledger.dials.count, 1))
        print(
            "  server's processor time per dial, its relayed handshake included: \(DialFigures.precise(perDial)) ms;",
            "the machine's load: \(KernelFigures.load)")
        print("  resident memory of the server per peer after the dials: \(kibibytes(dialed.server.resident - before.server.resident)) KiB")
        ledger.end()
        for peer in load { await peer.close() }
        return isGood
    }

    /// What the server and the kernel take at a moment.
    private struct Sample {
        let server: ProcessFigures
        let own = ProcessFigures(of: getpid())
        let kernel = KernelFigures()

        init(_ server: LoadedServer) { self.server = ProcessFigures(of: server.process) }
    }

    private func register(_ server: LoadedServer, _ ledger: DialLedger) async throws -> [LoadPeer] {
        try await withThrowingTaskGroup(of: LoadPeer.self) { tasks in
            var load: [LoadPeer] = []
            for number in 0..<peers {
                if number >= Self.connecting, let peer = try await tasks.next() { load.append(peer) }
                tasks.addTask { try await LoadPeer(server.url, on: MultiThreadedEventLoopGroup.singleton.next(), ledger: ledger) }
            }
            for try await peer in tasks { load.append(peer) }
            return load
        }
    }

    private func dial(among load: [LoadPeer], _ ledger: DialLedger) async throws {
        var random = SeededGenerator(seed: TableBenchmark.seed)
        // So many instants drawn evenly from the time are a Poisson process of which the number of events is given.
        let instants = (0..<Int(rate * seconds)).map { _ in Double.random(in: 0..<seconds, using: &random) }.sorted()
        let clock = ContinuousClock()
        let start = clock.now
        for instant in instants {
            try await clock.sleep(until: start + .seconds(instant), tolerance: .zero)
            let pair = (Int.random(in: 0..<load.count, using: &random), Int.random(in: 1..<load.count, using: &random))
            load[pair.0].dial(load[(pair.0 + pair.1) % load.count].id)
        }
    }

    private func show(_ before: Sample, _ registered: Sample, _ idle: Sample, _ milliseconds: Double) {
        let seconds = milliseconds / 1000
        let handshake = (registered.server.processorTime - before.server.processorTime) * 1000 / Double(peers)
        print(
            "  all registered, each with a proved NAT-binding connection, after \(Timeline.fixed(seconds)) s (\(Int(Double(peers) / max(seconds, 0.001))) a second);",
            "server's processor time \(DialFigures.precise(handshake)) ms each")
        print("  descriptors: server \(idle.server.descriptors), load \(idle.own.descriptors), at most \(DescriptorLimit.highest) a process here")
        print(
            "  resident memory of the server: \(before.server.resident >> 10) KiB without peers, \(idle.server.resident >> 10) KiB with them:",
            "\(kibibytes(idle.server.resident - before.server.resident)) KiB per idle peer")
        let sockets = max(idle.kernel.sockets - before.kernel.sockets, 1)
        print(
            "  kernel, both ends: \(sockets) sockets more, \(max(idle.kernel.buffers - before.kernel.buffers, 0) >> 10) KiB in their buffers,",
            "\((idle.kernel.structures - before.kernel.structures) >> 10) KiB of structures:",
            "\(Timeline.fixed(Double(idle.kernel.structures - before.kernel.structures) / 1024 / Double(sockets))) KiB a socket")
    }

    private func kibibytes(_ bytes: Int) -> String { Timeline.fixed(Double(bytes) / 1024 / Double(peers)) }
}
