import Bodkin
import BodkinExercise
import BodkinNATLab
import Glibc
import NIOCore
import NIOPosix

/// The memory that peers take: each idle one, and each connection with both of its ends. The server runs in the same process, so its part is in it. There is no
/// target.
struct PeerMemoryBenchmark {
    /// The number of peers, which the server's default quotas let dial from one address at once.
    var peers = 50

    /// Registers the peers, has each connect to one listener directly over loopback, and prints what the resident memory of this process grows by.
    func run() async throws {
        let peers = peers
        let figures = try await withPeerLab(.pair(.open, .open, seed: TableBenchmark.seed)) { place in
            let group = try await PeerLab.group(in: "a", of: place.lab)
            // The first peer pays for what all of them share.
            _ = try await Self.round(1, place, group)
            let figures = try await Self.round(peers, place, group)
            try await group.shutdownGracefully()
            return figures
        }
        let (nothing, idle, connected) = (figures[0], figures[1], figures[2])
        func each(_ bytes: Int) -> String { "\((Double(bytes) / Double(peers) / 102.4).rounded() / 10) KiB" }
        print(
            "\(peers) peers, each registered and with its NAT bindings, and as many direct connections to one listener, idle; the server's part included"
        )
        print("  an idle peer: \(each(idle - nothing)); a connection, both ends together: \(each(connected - idle))")
    }

    /// Reports the resident memory before the peers, with them, and with their connections.
    private static func round(_ count: Int, _ place: PeerLab, _ group: MultiThreadedEventLoopGroup) async throws -> [Int] {
        func configuration() throws -> Peer.Configuration {
            var configuration = Peer.Configuration(identity: try .create(), rendezvous: place.url)
            configuration.eventLoopGroup = group
            configuration.profilesNetwork = false
            return configuration
        }
        var called = try configuration()
        called.admission = .anyone
        return try await withPeer(called) { listener in
            try await listener.registered()
            var figures = [ProcessFigures(of: getpid()).resident]
            // The last one is for the listener's task, too.
            let stages = (0..<4).map { Assembly(of: count + ($0 < 3 ? 1 : 2)) }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var incoming = listener.incoming.makeAsyncIterator()
                    var connections: [Connection] = []
                    for _ in 0..<count {
                        guard let connection = try await incoming.next() else { throw BenchmarkFailure("no connection came") }
                        connections.append(connection)
                    }
                    await stages[3].join()
                    for connection in connections { connection.abort() }
                }
                for _ in 0..<count {
                    let configuration = try configuration()
                    tasks.addTask {
                        try await withPeer(configuration) { peer in
                            try await peer.registered()
                            await stages[0].join()
                            await stages[1].join()
                            let connection = try await peer.connect(to: listener.id)
                            try await connection.write([0])
                            while await connection.report.route != .direct { try await Task.sleep(for: .milliseconds(20)) }
                            await stages[2].join()
                            await stages[3].join()
                        }
                    }
                }
                await stages[0].join()
                // Sampling and the bindings go on after the registration.
                try await Task.sleep(for: .seconds(2))
                figures.append(ProcessFigures(of: getpid()).resident)
                await stages[1].join()
                await stages[2].join()
                try await Task.sleep(for: .seconds(2))
                figures.append(ProcessFigures(of: getpid()).resident)
                await stages[3].join()
                try await tasks.waitForAll()
            }
            return figures
        }
    }
}
