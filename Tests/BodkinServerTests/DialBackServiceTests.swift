import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Dialing back", .timeLimit(.minutes(1)))
struct DialBackServiceTests {
    private static func dialedBack(_ peer: TestPeer) async throws -> WireDialedBack {
        guard case .dialedBack(let answer)? = await peer.next() else { throw TestPeer.Unexpected(wanted: "what became of a dial-back", got: nil) }
        return answer
    }

    @Test("a server connects to where a proved connection comes from, from each of its addresses, and says what it met there")
    func refused() async throws {
        try await withServer({ $0.secondAddress = IPAddress(v4: 0x7F00_0002) }) { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello())
            #expect(try await peer.welcome().dialsBack)
            peer.send(try peer.register())
            _ = try await peer.registered()
            let warm = try await TestStream(#require(listening.stun.first))
            _ = try await warm.prove(peer)
            peer.send(.dialBack(WireDialBack()))
            let results = try await Self.dialedBack(peer).results
            #expect(results.map { $0.target.endpoint() } == [warm.local, warm.local])
            #expect(results.map(\.otherAddress) == [false, true])
            // The port of the connection listens to nobody: the system answers by an RST.
            #expect(results.map(\.outcome) == [.refused, .refused])
        }
    }

    @Test("whoever names an address aims nothing at it, nor does a registration without a proved connection aim anything")
    func abused() async throws {
        try await withServer { listening in
            let visits = Visitors()
            let victim = try await visits.listen()
            let peer = try await TestPeer.registered(listening)
            // An address where a later version might have one, and in every field up to 15.
            let address = try WireTransportAddress(victim).serializedBytes() as [UInt8]
            let named = (1...15 as ClosedRange<UInt8>).flatMap { [$0 << 3 | 2, UInt8(address.count)] + address }
            let message = try WireDialBack(serializedBytes: named)
            peer.send(.dialBack(message))
            #expect(try await Self.dialedBack(peer).results.isEmpty)
            let warm = try await TestStream(#require(listening.stun.first))
            _ = try await warm.prove(peer)
            var targets: [Endpoint?] = []
            var quotas = 0
            for _ in 0..<6 {
                peer.send(.dialBack(message))
                let answer = try await Self.dialedBack(peer)
                targets += answer.results.map { $0.target.endpoint() }
                quotas += answer.quota ? 1 : 0
            }
            #expect(targets == [warm.local, warm.local] && quotas == 4)
            #expect(visits.count == 0, "the server has connected to an address that was named")
            try await visits.close()
        }
    }
}

/// A listener that counts who comes.
private final class Visitors: Sendable {
    private let number = Mutex(0)
    private let channel = Mutex<(any Channel)?>(nil)

    var count: Int { number.withLock { $0 } }

    func listen() async throws -> Endpoint {
        let visitors = self
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                visitors.number.withLock { $0 += 1 }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        return Endpoint(IPAddress(v4: 0x7F00_0001), UInt16(channel.localAddress?.port ?? 0))
    }

    func close() async throws { try await channel.withLock { $0 }?.close().get() }
}
