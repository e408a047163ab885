import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import Crypto
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Every message of a server has a bound")
struct MessageBoundTests {
    private static let address = WireTransportAddress(Endpoint(IPAddress(v6High: .max, low: .max), .max))
    private static let identifier = Data(repeating: 0xFF, count: 16)
    private static let key = Data(repeating: 0xFF, count: 32)
    private static let card = WireSignedCard.with {
        $0.card = Data(count: Card.maximumSize)
        $0.signature = Data(count: Card.signatureSize)
    }

    /// The largest message of each kind.
    static let largest: [WireEnvelope.OneOf_Body] = [
        .welcome(
            .with {
                $0.version = .max
                $0.timeMs = .max
                $0.stun = Array(repeating: address, count: MessageBound.stunCount)
                $0.circuitWindow = .max
                $0.dialsBack = true
                $0.offersRelays = true
            }),
        .relays(
            .with {
                $0.relays = Array(
                    repeating: .with {
                        $0.uri = String(repeating: "u", count: TURNURI.sizeLimit)
                        $0.username = String(repeating: "n", count: TURNCredential.sizeLimit)
                        $0.password = String(repeating: "p", count: TURNCredential.sizeLimit)
                    }, count: MessageBound.relayCount)
            }),
        .signal(
            .with {
                $0.attempt = identifier
                $0.relayed = .with { $0.endpoint = address }
            }),
        .registered(.with { $0.sequence = .max }),
        .meet(
            .with {
                $0.attempt = identifier
                $0.peer = key
                $0.instance = identifier
                $0.isDialer = true
                $0.card = card
                $0.observed = Array(repeating: address, count: MessageBound.observedCount)
                $0.early = Data(count: MessageBound.earlySize)
                $0.startInUs = .max
                $0.intervalUs = .max
                $0.direct = true
                $0.ownObserved = Array(repeating: address, count: MessageBound.observedCount)
            }),
        .dialFailed(
            .with {
                $0.attempt = identifier
                $0.reason = .UNRECOGNIZED(-1)
            }),
        .dialPending(.with { $0.attempt = identifier }),
        .signal(
            .with {
                $0.attempt = identifier
                $0.card = card
            }),
        .signal(
            .with {
                $0.attempt = identifier
                $0.forecast = .with {
                    ($0.round, $0.lowest, $0.highest, $0.count, $0.index) = (.max, .max, .max, .max, .max)
                    ($0.allocation, $0.external, $0.delta) = (.UNRECOGNIZED(-1), address, .min)
                }
            }),
        .circuitData(
            .with {
                $0.attempt = identifier
                $0.data = Data(count: MessageBound.pieceSize)
            }),
        .circuitCredit(
            .with {
                $0.attempt = identifier
                $0.bytes = .max
            }),
        .circuitClose(
            .with {
                $0.attempt = identifier
                $0.reason = .UNRECOGNIZED(-1)
            }),
        .ping(.with { $0.number = .max }), .pong(.with { $0.number = .max }),
        .failure(
            .with {
                $0.code = .UNRECOGNIZED(-1)
                $0.message = String(repeating: "é", count: WireFailure.maximumTextSize / 2)
                $0.timeMs = .max
            }),
        .observed(
            .with {
                $0.attempt = identifier
                $0.observed = Array(repeating: address, count: MessageBound.observedCount)
            }),
        .recall(
            .with {
                $0.peer = key
                $0.instance = identifier
                $0.session = identifier
                $0.generation = .max
            }),
        .dialedBack(
            .with {
                $0.results = Array(
                    repeating: .with { ($0.target, $0.otherAddress, $0.outcome) = (address, true, .UNRECOGNIZED(-1)) },
                    count: MessageBound.dialBackResultCount)
                $0.quota = true
            }),
    ]

    private static func size(_ body: WireEnvelope.OneOf_Body) throws -> Int {
        var buffer = ByteBuffer()
        try EnvelopeFraming.write(body, to: &buffer)
        return buffer.readableBytes - (buffer.readableBytes < 131 ? 1 : buffer.readableBytes < 16_386 ? 2 : 3)
    }

    @Test("the largest message of each kind is within its bound, and every bound fits a frame", arguments: largest)
    func bound(_ body: WireEnvelope.OneOf_Body) throws {
        let bound = try #require(MessageBound.size(of: body))
        #expect(try Self.size(body) <= bound)
        #expect(bound <= EnvelopeFraming.maximumMessageSize)
    }

    @Test("a Meet of the largest registrations is within its bound")
    func meet() throws {
        var fixture = BrokerFixture()
        let peers = try [fixture.join(), fixture.join()]
        for (index, peer) in peers.enumerated() {
            var wire = try BrokerFixture.wire(peer, binding: 4)
            // A field of a later version, signed by the peer: cards up to their limit pass whole.
            let rest = Card.maximumSize - wire.card.card.count - 4
            let padding = [0xC2, 0x3E, UInt8(rest & 0x7F) | 0x80, UInt8(rest >> 7)] + Data(count: rest)
            wire.card = try Card.resigned(wire.card.card + padding, by: peer.identity)
            let registration = try Registration(
                wire, of: peer.id, instance: peer.instance, server: BrokerFixture.server, wallClock: BrokerFixture.wallClock, now: fixture.now)
            fixture.broker.register(peer.connection, registration, now: fixture.now)
            for number in 0..<6 as Range<UInt64> {
                fixture.broker.prove(
                    BindingID(UInt64(index) * 10 + number), peer.connection, endpoint: Endpoint(IPAddress(v6High: .max, low: number), .max),
                    now: fixture.now)
            }
        }
        _ = fixture.broker.takeActions()
        let actions = fixture.dial(peers[0], peers[1].id, early: String(repeating: "x", count: MessageBound.earlySize))
        for peer in peers {
            let meet = try #require(actions.meet(to: peer))
            #expect(meet.card.card.count == Card.maximumSize && meet.observed.count == 4 && meet.ownObserved.count == 4)
            #expect(try Self.size(.meet(meet)) <= MessageBound.size(of: .meet(meet)) ?? 0)
        }
    }
}

extension Card {
    /// These bytes, signed as a card is.
    fileprivate static func resigned(_ bytes: Data, by identity: Identity) throws -> WireSignedCard {
        var wire = WireSignedCard()
        wire.card = bytes
        wire.signature = try identity.privateKey.signature(for: Array("bodkin card 1\0".utf8) + bytes)
        return wire
    }
}
