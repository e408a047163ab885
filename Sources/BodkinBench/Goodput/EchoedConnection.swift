import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import NIOCore
import NIOPosix

/// Both ends of a connection between two peers on one host, over a direct path by the host's own address: the packets take the host's loopback, for
/// 127.0.0.1 is no candidate.
struct EchoedConnection: Sendable {
    /// What applications read and write at once.
    private static let pieceSize = ByteStream.defaultLimit

    private let near: Connection
    private let far: Connection
    /// Where each end's tasks run: the plain TLS echo has its handlers on its event loops, too.
    private let executors: (near: PeerExecutor, far: PeerExecutor)

    /// Connects two peers in a host of the lab, and makes sure of the path that is measured.
    static func with(_ place: PeerLab, in host: String, _ body: @Sendable (EchoedConnection) async throws -> Void) async throws {
        let dialer = try await place.configuration(in: host)
        var called = try await place.configuration(in: host)
        called.admission = .anyone
        try await withPeer(called) { farPeer in
            try await withPeer(dialer) { nearPeer in
                try await farPeer.registered()
                try await nearPeer.registered()
                let near = try await nearPeer.connect(to: farPeer.id)
                try await near.write([0])
                var incoming = farPeer.incoming.makeAsyncIterator()
                guard let far = try await incoming.next(), try await far.read(upTo: 1) != nil else { throw BenchmarkFailure("no connection came") }
                let report = try await near.settled()
                let own = try place.lab.host(host).address
                guard report.route == .direct, report.remote?.address == own else {
                    throw BenchmarkFailure("the path is not the direct one by \(own): \(report)")
                }
                let connection = EchoedConnection(near: near, far: far, executors: (nearPeer.executor, farPeer.executor))
                try await body(connection)
                guard await near.report.pathDeaths == 0 else { throw BenchmarkFailure("the path has died meanwhile") }
                try await near.close()
            }
        }
        try await dialer.eventLoopGroup?.shutdownGracefully()
        try await called.eventLoopGroup?.shutdownGracefully()
    }

    /// Writes so many bytes at the near end, spread over some streams of their own, has the far end echo them, and reads them back.
    func echo(_ byteCount: Int, streams: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for index in 0..<streams {
                let share = byteCount / streams + (index < byteCount % streams ? 1 : 0)
                let stream = try await near.openStream()
                tasks.addTask(executorPreference: executors.near) { try await Self.write(share, to: stream) }
                tasks.addTask(executorPreference: executors.near) { try await Self.read(share, from: stream) }
            }
            tasks.addTask {
                try await withThrowingTaskGroup(of: Void.self) { echoes in
                    for _ in 0..<streams {
                        let stream = try await far.acceptStream()
                        echoes.addTask(executorPreference: executors.far) { try await Self.echo(stream) }
                    }
                    try await echoes.waitForAll()
                }
            }
            try await tasks.waitForAll()
        }
    }

    private static func write(_ count: Int, to stream: ByteStream) async throws {
        let piece = ByteBuffer(repeating: 0x5A, count: min(pieceSize, count))
        var rest = count
        while rest >= piece.readableBytes, rest > 0 {
            try await stream.write(piece)
            rest -= piece.readableBytes
        }
        if let last = piece.getSlice(at: 0, length: rest) { try await stream.write(last) }
        try await stream.finish()
    }

    private static func read(_ count: Int, from stream: ByteStream) async throws {
        var received = 0
        while let piece = try await stream.readBuffer() { received += piece.readableBytes }
        guard received == count else { throw BenchmarkFailure("\(received) bytes of \(count) came back") }
    }

    private static func echo(_ stream: ByteStream) async throws {
        while let piece = try await stream.readBuffer() { try await stream.write(piece) }
        try await stream.finish()
    }
}
