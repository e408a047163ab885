import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import Crypto
import NIOCore
import NIOSSL
import SwiftProtobuf
import Testing

extension AbuseTests {
    @Suite("Others in the place of a server or a peer")
    struct ImpostorTests {
        @Test("a man in the middle with a certificate of his own is refused before he hears a word")
        func middle() async throws {
            var topology = Topology.pair(.portRestricted, .open, seed: 1)
            topology.addHost("middle", behind: .open)
            try await withPeerLab(topology) { place in
                let address = try place.lab.host("middle").address
                let heard = Visits()
                try await place.withLoop(in: "middle") { loop in
                    let context = try TLSContexts.server(CertificateIdentity(.create()), protocol: TLSContexts.rendezvousProtocol)
                    try await loop.listen(Endpoint(address, 4433)) { channel in
                        let tls = NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) }
                        try channel.pipeline.syncOperations.addHandlers([tls, Responder([], heard)])
                    }
                    var url = place.url
                    url.hosts = [.init("\(address)", 4433)]
                    try await PeerLab(lab: place.lab, url: url).withPeer(in: "a") { peer in
                        let error = await #expect(throws: TransportError.self) { try await peer.registered() }
                        #expect(error?.code == .serverImpostor)
                        #expect(error?.message.contains("is not the rendezvous server that the URL names") == true)
                        #expect(error?.message.contains("Get the current URL") == true)
                        let dial = await #expect(throws: TransportError.self) { _ = try await peer.connect(to: Identity.create().peerID) }
                        #expect(dial?.code == .serverImpostor)
                    }
                }
                #expect(heard.count == 0)
            }
        }

        @Test("who answers at a candidate and is not the peer is discarded, and the connection comes up by circuit")
        func candidates() async throws {
            let called = try Identity.create()
            var topology = Topology.pair(.portRestricted, .portRestricted, seed: 1)
            topology.addHost("others", behind: .open)
            try await withLab(topology) { lab in
                let others = try lab.host("others").address
                // b itself signs that it is where the others are, and the server agrees. It has seen nothing of a, so that b opens no path.
                var lies = LyingServer.Lies()
                lies.observed = { peer, _ in peer == called.peerID ? [Endpoint(others, 7000)] : [] }
                lies.card = { peer, card in peer == called.peerID ? (try? Self.moved(card, to: others, called)) ?? card : card }
                try await LyingServer.run(in: lab, lies) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    let visits = (0..<4).map { _ in Visits() }
                    try await place.withLoop(in: "others") { loop in
                        let context = try TLSContexts.server(CertificateIdentity(.create()), protocol: TLSContexts.peerProtocol)
                        try await loop.listen(Endpoint(others, 7001)) { channel in
                            visits[0].note()
                            let tls = NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) }
                            try channel.pipeline.syncOperations.addHandler(tls)
                        }
                        for (index, answer) in ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"].enumerated() {
                            try await loop.listen(Endpoint(others, UInt16(7002 + index))) { channel in
                                visits[index + 1].note()
                                try channel.pipeline.syncOperations.addHandler(Responder(Array(answer.utf8), nil))
                            }
                        }
                        try await place.withPeer(in: "b", identity: called, { $0.admission = .anyone }) { far in
                            try await place.withPeer(in: "a") { near in
                                try await far.registered()
                                let report = try await Self.converse(near, far)
                                #expect(report.route == .circuit)
                                func verdict(_ port: UInt16) -> ConnectionReport.Attempt.Verdict? {
                                    report.attempts.first { $0.remote == Endpoint(others, port) }?.verdict
                                }
                                #expect(verdict(7001) == .impostor)
                                #expect(verdict(7002) == .impostor)
                                #expect(verdict(7003) == .silent)
                                #expect(verdict(7004) == .impostor)
                                #expect(verdict(7005) == .refused)
                                #expect(visits.allSatisfy { $0.count > 0 && $0.count <= MeetSchedule.instants.count })
                            }
                        }
                    }
                }
            }
        }

        /// The card with other candidates: five ports of this address.
        private static func moved(_ card: WireSignedCard, to address: IPAddress, _ owner: Identity) throws -> WireSignedCard {
            var wire = try WireCard(serializedBytes: card.card)
            wire.candidates = (7001...7005 as ClosedRange<UInt32>).map { port in
                var candidate = WireCandidate()
                candidate.kind = .serverReflexive
                candidate.address.append(contentsOf: address.bytes)
                candidate.port = port
                return candidate
            }
            var moved = WireSignedCard()
            moved.card = try wire.serializedBytes()
            moved.signature = try owner.privateKey.signature(for: Array("bodkin card 1\0".utf8) + moved.card)
            return moved
        }

        /// Dials, sends a word there and back, and waits for all verdicts.
        private static func converse(_ near: Peer, _ far: Peer) async throws -> ConnectionReport {
            let connection = try await near.connect(to: far.id)
            try await connection.write("there".utf8)
            var incoming = far.incoming.makeAsyncIterator()
            let accepted = try #require(try await incoming.next())
            #expect(try await accepted.read() == Array("there".utf8))
            try await accepted.write("back".utf8)
            #expect(try await connection.read() == Array("back".utf8))
            let report = try await connection.settled()
            try await connection.write("again".utf8)
            #expect(try await accepted.read() == Array("again".utf8))
            return report
        }

        /// Bytes that unknown hosts may send to a listener's reserved port.
        static let words: [[UInt8]] = [
            [], Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3], Array(repeating: 0xFF, count: 70_000),
            Preamble.bytes(of: .random()), Array(Preamble.bytes(of: .random()).prefix(10)), [0x16, 0x42, 0x44, 0x4B],
        ]

        @Test("strangers that fill the reserved port with silence and garbage stop nobody")
        func crowd() async throws {
            var topology = Topology.pair(.portRestricted, .open, link: LinkParameters(delay: .milliseconds(4)), seed: 1)
            topology.addHost("others", behind: .open)
            try await withPeerLab(topology) { place in
                func configure(_ configuration: inout Peer.Configuration) {
                    configuration.admission = .anyone
                    configuration.reservedPort = 4000
                }
                try await place.withPeer(in: "b", configure) { far in
                    try await far.registered()
                    let target = Endpoint(try place.lab.host("b").address, 4000)
                    try await place.withLoop(in: "others") { loop in
                        // More that say nothing than there is room for, and some that say something.
                        for index in 0..<350 { try await loop.talk(to: target, index < 300 ? [] : Self.words[index % Self.words.count]) }
                        try await place.withPeer(in: "a") { near in
                            let report = try await Self.converse(near, far)
                            #expect(report.route == .direct)
                        }
                    }
                }
            }
        }
    }
}

/// Answers the first bytes, or the connection itself, with always the same, and ends it then; says nothing where there is nothing to say.
private final class Responder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: [UInt8]
    private let heard: Visits?

    init(_ answer: [UInt8], _ heard: Visits?) {
        self.answer = answer
        self.heard = heard
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heard?.note()
        guard !answer.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
