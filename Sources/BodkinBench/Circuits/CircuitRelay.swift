import Bodkin
import BodkinCore
import Glibc
import NIOCore
import NIOPosix

/// A connection between two peers that may use circuits alone, through a rendezvous server: encrypted end to end, and again between each peer and the server.
struct CircuitRelay: Relay {
    let name = "circuit"

    let server: LoadedServer
    private let near: Connection
    private let far: Connection

    var process: pid_t { server.process }

    /// Starts a server, connects two peers through it, and runs `body`.
    static func with(_ body: (CircuitRelay) async throws -> Void) async throws {
        let server = try LoadedServer(peers: 16, circuits: 16)
        defer { server.end() }
        let groups = (0..<2).map { _ in MultiThreadedEventLoopGroup(numberOfThreads: 1) }
        var configurations = try groups.map { group in
            var configuration = Peer.Configuration(identity: try .create(), rendezvous: server.url)
            configuration.paths = .relayOnly
            configuration.eventLoopGroup = group
            return configuration
        }
        configurations[1].admission = .anyone
        try await withPeer(configurations[1]) { farPeer in
            try await withPeer(configurations[0]) { nearPeer in
                try await farPeer.registered()
                let near = try await nearPeer.connect(to: farPeer.id)
                try await near.write([0])
                var incoming = farPeer.incoming.makeAsyncIterator()
                guard let far = try await incoming.next(), try await far.read(upTo: 1) != nil else { throw BenchmarkFailure("no connection came") }
                try await body(CircuitRelay(server: server, near: near, far: far))
                let report = await near.report
                guard report.route == .circuit, report.pathDeaths == 0 else { throw BenchmarkFailure("the path is not one circuit: \(report)") }
                try await near.close()
            }
        }
        for group in groups { try await group.shutdownGracefully() }
    }

    func transfer(_ byteCount: Int) async throws {
        async let written: Void = write(byteCount)
        var rest = byteCount
        while rest > 0 {
            guard let piece = try await far.read() else { throw BenchmarkFailure("the stream ended \(rest) bytes too early") }
            rest -= piece.count
        }
        try await written
    }

    private func write(_ byteCount: Int) async throws {
        let piece = [UInt8](repeating: 0x5A, count: ByteStream.defaultLimit)
        var rest = byteCount
        while rest > 0 {
            try await near.write(piece.prefix(rest))
            rest -= min(rest, piece.count)
        }
    }
}
