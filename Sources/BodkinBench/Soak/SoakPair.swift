import Bodkin
import BodkinExercise
import NIOCore
import NIOPosix

/// Two places for peers, one in each host of the lab. Every conversation makes two new peers there, and ends both.
struct SoakPair: Sendable {
    private static let blockSize = 16_384

    private let near: MultiThreadedEventLoopGroup
    private let far: MultiThreadedEventLoopGroup

    init(_ place: PeerLab) async throws {
        near = try await PeerLab.group(in: "a", of: place.lab)
        far = try await PeerLab.group(in: "b", of: place.lab)
    }

    /// Registers two peers, connects them, has blocks echoed and compared until `isOver`, and closes everything. Whatever fails is told to the tally.
    func converse(_ place: PeerLab, _ tally: SoakTally, until isOver: @escaping @Sendable () -> Bool) async {
        do {
            let dialer = try configuration(place, near, tally)
            var called = try configuration(place, far, tally)
            called.admission = .anyone
            try await withPeer(called) { farPeer in
                try await withPeer(dialer) { nearPeer in
                    try await farPeer.registered()
                    try await nearPeer.registered()
                    let connection = try await nearPeer.connect(to: farPeer.id)
                    tally.connected()
                    async let echo: Void = Self.echo(farPeer)
                    try await Self.talk(connection, tally, until: isOver)
                    try await echo
                    try await connection.close(within: .seconds(30))
                    tally.closed()
                }
            }
        } catch {
            tally.fail("\(error)")
        }
    }

    func end() async throws {
        try await near.shutdownGracefully()
        try await far.shutdownGracefully()
    }

    private func configuration(_ place: PeerLab, _ group: MultiThreadedEventLoopGroup, _ tally: SoakTally) throws -> Peer.Configuration {
        var configuration = Peer.Configuration(identity: try .create(), rendezvous: place.url)
        configuration.eventLoopGroup = group
        configuration.onEvent = { tally.note($0) }
        return configuration
    }

    private static func talk(_ connection: Connection, _ tally: SoakTally, until isOver: () -> Bool) async throws {
        var number: UInt8 = 0
        while !isOver() {
            let block = [UInt8](repeating: number, count: blockSize)
            try await connection.write(block)
            var back: [UInt8] = []
            while back.count < blockSize {
                guard let piece = try await connection.read(upTo: blockSize - back.count) else { throw BenchmarkFailure("the echo ended early") }
                back += piece
            }
            guard back == block else { throw BenchmarkFailure("the echo brings other bytes than were sent") }
            tally.echoed(blockSize)
            number &+= 1
        }
        try await connection.finish()
        guard try await connection.read() == nil else { throw BenchmarkFailure("the echo has more than was sent") }
    }

    private static func echo(_ peer: Peer) async throws {
        for try await connection in peer.incoming {
            while let piece = try await connection.read() { try await connection.write(piece) }
            return try await connection.finish()
        }
    }
}
