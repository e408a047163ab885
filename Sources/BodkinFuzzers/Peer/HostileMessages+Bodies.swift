import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import SwiftProtobuf

extension HostileMessages {
    /// A message of any kind.
    mutating func body(_ keys: HostileKeys) -> WireEnvelope.OneOf_Body {
        let author = below(keys.authors.count)
        switch random.below(64) {
        case 0..<4:
            return .registered(.with { $0.sequence = random.chance(4) ? number() : sequence })
        case 4..<8: return random.chance(2) ? .ping(.with { $0.number = number() }) : .pong(.with { $0.number = number() })
        case 8..<12: return .dialPending(.with { $0.attempt = attempt() })
        case 12..<15:
            return .dialFailed(
                .with {
                    $0.attempt = attempt()
                    $0.reason = WireDialFailed.Reason(rawValue: below(6)) ?? .unspecified
                })
        case 15..<23:
            return .meet(meet(attempt(), author: author, isDialer: !random.chance(4), early: random.bytes(below(random.chance(4) ? 300 : 1))))
        case 23..<26:
            return .observed(
                .with {
                    $0.attempt = attempt()
                    $0.observed = (0..<random.below(random.chance(20) ? 60 : 4)).map { _ in WireTransportAddress(endpoint()) }
                })
        case 26..<34:
            return .signal(
                .with {
                    $0.attempt = attempt()
                    switch below(9) {
                    case 0..<3: $0.card = card(of: author)
                    case 3: $0.relayed = relayed()
                    default: $0.forecast = forecast()
                    }
                })
        case 34..<38:
            return .recall(
                .with {
                    $0.peer = Data(keys.authors[author].peer.publicKey)
                    $0.instance = random.chance(8) ? attempt() : Data(keys.authors[author].instance.bytes)
                    $0.session = sessions.isEmpty || random.chance(8) ? attempt() : Data(sessions[below(sessions.count)].bytes)
                    $0.generation = random.chance(3) ? number() : random.below(4)
                })
        case 38..<42:
            return .circuitData(
                .with {
                    $0.attempt = random.chance(16) ? attempt() : Data(random.bytes(16))
                    $0.data = Data(random.bytes(below(random.chance(20) ? 20_000 : 100)))
                })
        case 42..<48:
            return .circuitCredit(
                .with {
                    $0.attempt = attempt()
                    $0.bytes = UInt32(truncatingIfNeeded: number())
                })
        case 48 where random.chance(3):
            return .circuitClose(
                .with {
                    $0.attempt = attempt()
                    $0.reason = WireCircuitClose.Reason(rawValue: below(5)) ?? .finished
                })
        case 49..<53:
            return .dialedBack(
                .with {
                    $0.quota = random.chance(4)
                    $0.results = (0..<random.below(random.chance(10) ? 100 : 4)).map { _ in
                        .with {
                            $0.target = WireTransportAddress(endpoint())
                            $0.otherAddress = random.chance(2)
                            $0.outcome = WireDialedBack.Outcome(rawValue: below(6)) ?? .unknown
                        }
                    }
                })
        case 53 where random.chance(4): return .welcome(welcome())
        case 54 where random.chance(30): return .failure(failure())
        case 55:
            return [.hello(WireHello()), .register(WireRegister()), .dial(WireDial()), .meetAck(WireMeetAck()), .dialBack(WireDialBack())][below(5)]
        case 56: return .relays(relays())
        default: return .ping(.with { $0.number = number() })
        }
    }

    /// Relays at addresses, because no name is looked up here, and what is none.
    mutating func relays() -> WireRelays {
        .with {
            $0.relays = (0..<random.below(random.chance(10) ? 100 : 4)).map { _ in
                .with {
                    let scheme = random.chance(2) ? "turns" : "turn"
                    $0.uri = random.chance(6) ? String(repeating: "turn:", count: below(100)) : "\(scheme):\(endpoint())"
                    $0.username = String(repeating: "u", count: random.chance(8) ? below(70_000) : 20)
                    $0.password = random.chance(8) ? "" : "secret"
                }
            }
        }
    }

    mutating func relayed() -> WireRelayed {
        .with { if !random.chance(4) { $0.endpoint = WireTransportAddress(endpoint()) } }
    }

    /// The answer to a hello.
    mutating func welcome(at endpoints: [Endpoint] = []) -> WireWelcome {
        var welcome = WireWelcome()
        welcome.version = random.chance(50) ? 2 : 1
        welcome.timeMs = random.chance(20) ? number() : Self.wallClock
        welcome.stun = endpoints.map { WireTransportAddress($0) }
        if random.chance(8) { welcome.stun += (0..<random.below(40)).map { _ in WireTransportAddress(endpoint()) } }
        welcome.circuitWindow = random.chance(10) ? UInt32(truncatingIfNeeded: number()) : 65_536
        welcome.offersRelays = !random.chance(3)
        welcome.dialsBack = !random.chance(3)
        return welcome
    }

    /// Final messages. Refusals end a peer for good, and so are rare.
    private mutating func failure() -> WireFailure {
        var failure = WireFailure()
        let usual: [WireFailure.Code] = [.shutdown, .expired, .quota, .unspecified, .replaced, .tooLarge, .protocol]
        failure.code = random.chance(10) ? WireFailure.Code(rawValue: below(12)) ?? .unspecified : usual[below(usual.count)]
        failure.message = String(decoding: random.bytes(below(random.chance(10) ? 3_000 : 30)), as: UTF8.self)
        failure.timeMs = random.chance(4) ? number() : Self.wallClock
        return failure
    }
}
