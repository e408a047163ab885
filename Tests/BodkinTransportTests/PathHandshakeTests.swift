import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import Crypto
import NIOCore
import NIOEmbedded
import Testing

/// What the handshake of a path has taken: every timeout of the path follows it.
@Suite("The time of a path's handshake") struct PathHandshakeTests {
    /// Both ends of a circuit between two channels of one event loop, each message on the way for 20 ms.
    private static func circuit(on loop: EmbeddedEventLoop) -> (CircuitChannel, CircuitChannel) {
        var ends: [CircuitChannel] = []
        func end(_ other: Int) -> CircuitChannel {
            let carrier = CircuitChannel.Carrier(
                takeEarly: { _ in false },
                send: { piece in loop.scheduleTask(in: .milliseconds(20)) { ends[other].receive(piece) } },
                grant: { bytes in loop.scheduleTask(in: .milliseconds(20)) { ends[other].grant(bytes) } }, finish: {})
            return CircuitChannel(eventLoop: loop, window: 65_536, carrier: carrier)
        }
        ends = [end(1), end(0)]
        return (ends[0], ends[1])
    }

    @Test("counts from when an answer can come, or, where it comes before that, from when the path was made", arguments: [0, 10, 30_000] as [Int64])
    func isNeverNegative(expected: Int64) throws {
        let loop = EmbeddedEventLoop()
        let (near, far) = Self.circuit(on: loop)
        let called = try Identity(Curve25519.Signing.PrivateKey())
        let client = try PathFactory(CertificateIdentity(Identity(Curve25519.Signing.PrivateKey())))
            .client(near, kind: .circuit, expecting: called.peerID, skipping: nil)
        let server = try PathFactory(CertificateIdentity(called)).server(far, kind: .circuit, announcing: nil, admits: { _ in true })
        client.expectHandshake(from: loop.now + .milliseconds(expected))
        far.activate()
        near.activate()
        loop.advanceTime(by: .seconds(1))
        let time = try #require(client.handshakeTime)
        #expect(time == .milliseconds(expected == 10 ? 30 : 40) && server.handshakeTime != nil)
    }
}
