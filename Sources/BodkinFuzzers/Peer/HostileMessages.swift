import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import SwiftProtobuf

/// Messages of a server to a peer: mostly as they should be, about dials and sessions that there are, in any order.
struct HostileMessages {
    /// The clock of the server, in milliseconds since 1970.
    static let wallClock: UInt64 = 1_800_000_000_000
    /// How many dials and sessions are remembered: few, so that messages belong together.
    private static let memory = 10

    var random: SplitMix64
    private let keys: HostileKeys
    private let cards: [[WireSignedCard]]
    private let endpoints: [Endpoint]
    private(set) var attempts: [AttemptID] = []
    private(set) var sessions: [SessionID] = []
    /// The number of the peer's latest card.
    var sequence: UInt64 = 0

    /// - Parameter endpoints: where remote peers may say that they are.
    init(_ keys: HostileKeys, at endpoints: [Endpoint], seed: UInt64) throws {
        (self.keys, self.endpoints, random) = (keys, endpoints, SplitMix64(state: seed))
        var random = self.random
        cards = try keys.authors.map { author in
            try (1...6 as ClosedRange<UInt64>).map { number in
                let server = number == 5 ? random.bytes(32) : keys.serverHash
                return try Card(
                    peer: author.peer, instance: author.instance, sequence: number, server: server,
                    expiry: number == 6 ? Self.wallClock : Self.wallClock + 90_000_000,
                    candidates: (0...random.below(3)).map { _ in
                        Candidate(random.chance(2) ? .host : .serverReflexive, endpoints[Int(random.below(UInt64(endpoints.count)))])
                    }, keepsEndpoint: random.chance(2)
                ).signed(by: author.identity.privateKey)
            }
        }
        self.random = random
    }

    mutating func remember(_ attempt: AttemptID) {
        if attempts.count < Self.memory { attempts.append(attempt) } else { attempts[below(attempts.count)] = attempt }
    }

    mutating func remember(_ session: SessionID) {
        guard !sessions.contains(session) else { return }
        if sessions.count < Self.memory { sessions.append(session) } else { sessions[below(sessions.count)] = session }
    }

    mutating func below(_ count: Int) -> Int { Int(random.below(UInt64(max(count, 1)))) }

    /// One of the remembered dials, or another one.
    mutating func attempt() -> Data {
        if random.chance(40) { return Data(random.bytes(below(40))) }
        guard !attempts.isEmpty, !random.chance(20) else { return Data(random.bytes(16)) }
        return Data(attempts[below(attempts.count)].bytes)
    }

    mutating func endpoint() -> Endpoint {
        if random.chance(8) { return Endpoint(IPAddress(v4: UInt32(truncatingIfNeeded: random.next())), UInt16(truncatingIfNeeded: random.next())) }
        return endpoints[below(endpoints.count)]
    }

    /// Any number, the small ones and the extremes more often than others.
    mutating func number() -> UInt64 { random.chance(8) ? [0, 1, .max, .max - 1][below(4)] : random.next() >> random.below(64) }

    mutating func card(of author: Int) -> WireSignedCard {
        var card = cards[author][below(random.chance(4) ? 6 : 4)]
        if random.chance(12) { card.card[card.card.startIndex + below(card.card.count)] ^= 1 << UInt8(random.below(8)) }
        if random.chance(20) { card.signature = Data(random.bytes(below(70))) }
        return card
    }

    /// A Meet with an author.
    mutating func meet(_ attempt: Data, author: Int, isDialer: Bool, early: [UInt8] = []) -> WireMeet {
        var meet = WireMeet()
        meet.attempt = attempt
        meet.peer = Data(keys.authors[author].peer.publicKey)
        meet.instance = random.chance(20) ? Data(random.bytes(below(20))) : Data(keys.authors[author].instance.bytes)
        meet.isDialer = isDialer
        meet.card = card(of: author)
        meet.observed = (0..<random.below(random.chance(20) ? 60 : 4)).map { _ in WireTransportAddress(endpoint()) }
        meet.ownObserved = (0..<random.below(3)).map { _ in WireTransportAddress(endpoint()) }
        meet.early = Data(early)
        meet.startInUs = random.chance(10) ? number() : random.below(100_000)
        meet.intervalUs = random.chance(10) ? number() : 20_000 + random.below(200_000)
        meet.direct = !random.chance(4)
        return meet
    }

    mutating func forecast() -> WireForecast {
        var forecast = WireForecast()
        forecast.round = UInt32(truncatingIfNeeded: random.chance(8) ? number() : random.below(4))
        forecast.allocation = WireForecast.Allocation(rawValue: below(7)) ?? .unknown
        forecast.external = WireTransportAddress(endpoint())
        forecast.delta = Int32(truncatingIfNeeded: random.chance(3) ? number() : 1 + random.below(3))
        forecast.lowest = UInt32(truncatingIfNeeded: random.chance(3) ? number() : 1024 + random.below(60_000))
        forecast.highest = forecast.lowest &+ UInt32(truncatingIfNeeded: random.chance(8) ? number() : random.below(600))
        forecast.count = UInt32(truncatingIfNeeded: random.chance(4) ? number() : 1 + random.below(1024))
        forecast.index = UInt32(truncatingIfNeeded: random.chance(4) ? number() : random.below(8))
        return forecast
    }
}
