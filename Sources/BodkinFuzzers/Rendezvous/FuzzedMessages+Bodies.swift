import BodkinCore
import BodkinProtocols
import FoundationEssentials
import SwiftProtobuf

extension FuzzedMessages {
    /// Any message, with fields that are mostly as they should be.
    mutating func body() -> WireEnvelope.OneOf_Body {
        let author = authors[Int(random.below(UInt64(authors.count)))]
        switch random.below(23) {
        case 0: return .hello(hello(author))
        case 1: return .welcome(welcome())
        case 2, 3: return .register(register(author))
        case 4: return .registered(.with { $0.sequence = random.next() })
        case 5, 6: return .dial(dial(author))
        case 7: return .meet(meet(author))
        case 8, 9:
            return .meetAck(
                .with {
                    $0.attempt = attempt()
                    $0.answer = WireMeetAck.Answer(rawValue: Int(random.below(3))) ?? .declined
                })
        case 10: return .dialFailed(.with { $0.attempt = attempt() })
        case 11:
            return .signal(
                .with {
                    $0.attempt = attempt()
                    switch random.below(8) {
                    case 0: break
                    case 1..<4:
                        $0.forecast = .with {
                            $0.round = UInt32(truncatingIfNeeded: random.below(4))
                            $0.external = WireTransportAddress(endpoint())
                            $0.delta = Int32(truncatingIfNeeded: random.next())
                        }
                    default: $0.card = card(author)
                    }
                })
        case 12, 13:
            return .circuitData(
                .with {
                    $0.attempt = attempt()
                    $0.data = Data(repeating: 1, count: Int(random.below(random.chance(20) ? 70_000 : 300)))
                })
        case 14:
            return .circuitCredit(
                .with {
                    $0.attempt = attempt()
                    $0.bytes = UInt32(truncatingIfNeeded: random.next() >> (32 + random.below(32)))
                })
        case 15: return .circuitClose(.with { $0.attempt = attempt() })
        case 17:
            return .recall(
                .with {
                    $0.peer = Data(author.peer.publicKey)
                    $0.instance = random.chance(8) ? attempt() : Data(author.instance.bytes)
                    $0.session = attempt()
                    $0.generation = random.next()
                })
        case 16: return random.chance(2) ? .ping(.with { $0.number = random.next() }) : .pong(WirePing())
        case 18: return random.chance(2) ? .dialBack(WireDialBack()) : .relayQuery(WireRelayQuery())
        case 20: return .dialCancel(.with { $0.attempt = attempt() })
        case 21: return .dialPending(.with { $0.attempt = attempt() })
        case 19: return .dialedBack(.with { $0.results = [.with { $0.target = WireTransportAddress(endpoint()) }] })
        default:
            return .failure(
                .with {
                    $0.code = WireFailure.Code(rawValue: Int(random.below(12))) ?? .unspecified
                    $0.timeMs = random.next()
                })
        }
    }

    private mutating func attempt() -> Data {
        random.chance(30) ? Data(random.bytes(Int(random.below(40)))) : Data(attempts[Int(random.below(UInt64(attempts.count)))].bytes)
    }

    /// A card that an author has signed; sometimes another's, or one with a wrong signature.
    mutating func card(_ author: Author) -> WireSignedCard {
        var card = author.cards[Int(random.below(UInt64(author.cards.count)))]
        if random.chance(8) { card.card = Data(mutated(Array(card.card))) }
        if random.chance(8) { card.signature = Data(mutated(Array(card.signature))) }
        return card
    }

    private mutating func hello(_ author: Author) -> WireHello {
        var hello = WireHello()
        hello.lowestVersion = UInt32(truncatingIfNeeded: random.below(3))
        hello.highestVersion = UInt32(truncatingIfNeeded: random.below(3))
        hello.instance = Data(author.instance.bytes)
        hello.token = Data(random.bytes(Int(random.below(40))))
        return hello
    }

    private mutating func welcome() -> WireWelcome {
        var welcome = WireWelcome()
        welcome.timeMs = random.next()
        welcome.stun = (0..<random.below(4)).map { _ in WireTransportAddress(endpoint()) }
        welcome.circuitWindow = UInt32(truncatingIfNeeded: random.next())
        return welcome
    }

    private mutating func register(_ author: Author) -> WireRegister {
        var register = WireRegister()
        register.card = card(author)
        register.policy.admission = WirePolicy.Admission(rawValue: Int(random.below(4))) ?? .nobody
        register.policy.peers = (0..<random.below(random.chance(200) ? 1500 : 4)).map { _ in Data(author.peer.publicKey) }
        register.stunKey = random.chance(10) ? Data(random.bytes(Int(random.below(80)))) : Data(author.stunKey)
        register.expectedBindings = UInt32(truncatingIfNeeded: random.next() >> (32 + random.below(32)))
        return register
    }

    private mutating func dial(_ author: Author) -> WireDial {
        var dial = WireDial()
        dial.to = random.chance(20) ? Data(random.bytes(Int(random.below(40)))) : Data(author.peer.publicKey)
        dial.attempt = random.chance(6) ? Data(random.bytes(16)) : attempt()
        dial.early = Data(random.bytes(random.chance(50) ? 5000 : Int(random.below(20))))
        dial.direct = random.chance(2)
        if random.chance(2) { dial.patienceMs = UInt32(truncatingIfNeeded: random.next() >> (32 + random.below(32))) }
        if random.chance(4) { dial.instance = Data(random.chance(4) ? random.bytes(3) : author.instance.bytes) }
        return dial
    }

    private mutating func meet(_ author: Author) -> WireMeet {
        var meet = WireMeet()
        meet.attempt = attempt()
        meet.peer = Data(author.peer.publicKey)
        meet.card = card(author)
        meet.observed = (0..<random.below(4)).map { _ in WireTransportAddress(endpoint()) }
        meet.startInUs = random.next()
        meet.intervalUs = random.next()
        return meet
    }
}
