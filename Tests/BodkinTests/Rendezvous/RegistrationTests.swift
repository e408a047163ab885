import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import Testing

@testable import Bodkin

@Suite("The rendezvous client registers")
struct RendezvousRegistrationTests {
    @Test("a peer without NAT bindings is registered after the floor of six one-way delays", arguments: [1, 25, 150])
    func floor(_ milliseconds: Int) throws {
        let delay = Duration.milliseconds(milliseconds)
        let world = try VirtualRendezvous(delay: delay)
        world.give(.start)
        #expect(world.run(atMost: delay * 6) { $0.client.isRegistered })
        #expect(world.now.sinceStart == delay * 6 && world.client.roundTrip == delay * 2)
        // Hello and registration arrive together.
        #expect(world.received.map(\.at).allSatisfy { $0.sinceStart == delay * 5 } && world.received.count == 2)
    }

    @Test(
        "a registration waits for the answers of NAT bindings, but no longer than a round trip, or 20 ms",
        arguments: [(answerAfter: 10, registersAfter: 10), (answerAfter: 900, registersAfter: 50)])
    func bindings(_ answerAfter: Int, _ registersAfter: Int) throws {
        let world = try VirtualRendezvous()
        var local = LocalDescription()
        (local.bindingCount, local.isAnswerPending) = (1, true)
        world.give(.localChanged(local))
        world.give(.start)
        #expect(world.run(atMost: .seconds(1)) { $0.client.isLinkUp })
        let up = world.now
        world.run(for: .milliseconds(answerAfter))
        (local.observedCount, local.isAnswerPending) = (1, false)
        local.candidates = [Candidate(.serverReflexive, Endpoint(IPAddress(v4: 0xCB00_7101), 4000))]
        world.give(.localChanged(local))
        world.run(for: .milliseconds(100))
        let sent = try #require(world.received.first { if case .register = $0.body { true } else { false } })
        #expect(sent.at - up == .milliseconds(registersAfter) + world.delay)
        let isInTime = answerAfter == registersAfter
        #expect(world.cards.first?.expectedBindings == (isInTime ? 1 : 0))
        let card = try Card(#require(world.cards.first).card, of: world.configuration.identity.peerID, server: nil, now: 0)
        #expect(card.candidates == (isInTime ? local.candidates : []))
    }

    @Test("a join token that is refused ends it with the server's words, and nothing more is done")
    func token() throws {
        let world = try VirtualRendezvous()
        world.isTokenGood = false
        world.give(.start)
        world.run(for: .seconds(60))
        #expect((world.failure as? PeerError)?.code == .refused)
        #expect((world.failure as? PeerError)?.message == "the join token is missing or wrong")
        #expect(world.client.deadline == nil && world.connects.count == 1)
        let count = world.actions.count
        let late: [RendezvousClient.Input] = [
            .register, .probe, .awaitServer, .dialBack, .start, .resolved(world.resolution), .heard, .timeout(jitter: 1),
        ]
        for input in late {
            world.give(input)
        }
        #expect(world.actions.count == count)
    }

    /// Whether a failure ends a peer that registers for the first time, and one that was let in before.
    static let failures: [(WireFailure.Code, first: Bool, later: Bool)] = [
        // By nothing that other users of the server do.
        (.version, true, true), (.token, true, true), (.replaced, true, true),
        (.card, false, false), (.protocol, false, false), (.tooLarge, false, false), (.quota, false, false),
        (.unspecified, false, false), (.shutdown, false, false), (.UNRECOGNIZED(99), false, false),
    ]

    @Test("no failure that another peer can provoke ends a peer that was let in: it connects anew", arguments: failures)
    func provoked(_ code: WireFailure.Code, first: Bool, later: Bool) throws {
        var failure = WireFailure()
        failure.code = code
        for isFirst in [true, false] {
            let world = isFirst ? try VirtualRendezvous() : try .registered()
            if isFirst {
                world.lie = { if case .register = $0 { [] } else { nil } }
                world.give(.start)
                world.run(for: .seconds(1))
            }
            world.hear(.failure(failure))
            #expect((world.failure != nil) == (isFirst ? first : later), "\(code)")
            guard !isFirst, !later else { continue }
            // The server closes behind its Failure.
            world.give(.linkDown(TransportError(.serverRefused, "closed"), jitter: 1))
            #expect(world.run(atMost: .seconds(5)) { $0.connects.count == 2 && $0.client.isRegistered }, "\(code)")
        }
    }

    @Test("what a server says is shown on one line, without control characters, and not without end")
    func words() throws {
        let world = try VirtualRendezvous()
        world.lie = { if case .register = $0 { [] } else { nil } }
        world.give(.start)
        world.run(for: .seconds(1))
        var failure = WireFailure()
        failure.code = .token
        failure.message = "\u{1B}]52;c;eA==\u{07}one\ntwo\u{202E}" + String(repeating: "é", count: 10_000)
        world.hear(.failure(failure))
        let message = try #require((world.failure as? PeerError)?.message)
        #expect(message.utf8.count <= 512 && message.hasPrefix("\u{FFFD}]52;c;eA==\u{FFFD}one\u{FFFD}two\u{FFFD}éé"))
    }

    @Test("a server without room is waited for, and an error for who asks once", arguments: [true, false], [true, false])
    func quota(_ isFirst: Bool, _ isPatient: Bool) throws {
        let world = try VirtualRendezvous(isPatient: isPatient)
        func start() throws {
            world.give(.start)
            if !isFirst { try #require(world.run(atMost: .seconds(5)) { $0.client.isRegistered }) }
        }
        if !isFirst { try start() }
        world.quotas.address.registrations = 0
        if isFirst { try start() } else { world.restartServer() }
        world.run(for: .seconds(120))
        guard isPatient || !isFirst else { return #expect((world.failure as? PeerError)?.code == .quota) }
        #expect(world.failure == nil && !world.client.isRegistered)
        #expect((world.client.absence?.error as? PeerError)?.code == .quota && world.reasons.count == (isFirst ? 1 : 0))
        #expect(world.connects.count > 4 && world.connects.count < 40)
        world.quotas = Quotas()
        #expect(world.run(atMost: .seconds(32)) { $0.client.isRegistered })
    }

    @Test(
        "a card goes by the server's clock: an hour either way costs one more card, more than a card lives one more link",
        arguments: [
            (hours: -1, links: 1, cards: 2), (hours: 0, links: 1, cards: 1), (hours: 1, links: 1, cards: 2), (hours: 3, links: 2, cards: 2),
            (hours: 24 * 365 * 30, links: 2, cards: 2),
        ])
    func clock(_ hours: Int, _ links: Int, _ cards: Int) throws {
        let world = try VirtualRendezvous()
        world.serverAhead = .seconds(hours * 3600)
        world.give(.start)
        world.run(for: .seconds(5))
        #expect(world.client.isRegistered && world.connects.count == links && world.cards.count == cards)
        let card = try Card(#require(world.cards.last).card, of: world.configuration.identity.peerID, server: nil, now: world.serverTime)
        #expect(card.expiry <= world.serverTime + 7_200_000 && card.expiry > world.serverTime + 7_100_000)
    }

    @Test("a dial that went out with a card that had expired is dialed again: the loss of its link is told")
    func expiredDial() throws {
        let world = try VirtualRendezvous()
        world.serverAhead = .seconds(3 * 3600)
        world.give(.start)
        world.run(for: .seconds(5))
        #expect(world.losses.count == 1 && world.client.isRegistered)
    }

    @Test("a server that calls everything expired is given up after three cards, also where it takes some in between")
    func neverGood() throws {
        let world = try VirtualRendezvous()
        world.lie = { [unowned world] body in
            guard case .register = body else { return nil }
            var failure = WireFailure()
            (failure.code, failure.timeMs) = (.expired, world.serverTime)
            return [.failure(failure)]
        }
        world.give(.start)
        world.run(for: .seconds(60))
        #expect(world.cards.count == 3 && (world.failure as? PeerError)?.message.contains("Ask its operator") == true)

        // One that takes the card and then calls it expired is not met again and again at once.
        let other = try VirtualRendezvous()
        other.lie = { [unowned other] body in
            guard case .register = body else { return nil }
            var failure = WireFailure()
            (failure.code, failure.timeMs) = (.expired, other.serverTime)
            return [.registered(WireRegistered()), .failure(failure)]
        }
        other.give(.start)
        other.run(for: .seconds(600))
        #expect(other.connects.count < 60, "\(other.connects.count)")
    }

    @Test("a card that has expired over a link that lasts, as after a sleep of the machine, costs one more link")
    func sleep() throws {
        let world = try VirtualRendezvous.registered()
        world.run(for: .seconds(20))
        world.serverAhead = .seconds(3 * 3600)
        world.give(.register)
        world.run(for: .seconds(5))
        #expect(world.client.isRegistered && world.connects.count == 2 && world.losses.count == 1)
    }

    @Test("a peer that stays is known all the time: a card is signed anew at half of its life, with a growing number")
    func renewal() throws {
        let world = try VirtualRendezvous(cardLifetime: .seconds(100))
        world.give(.start)
        world.run(for: .seconds(1000))
        #expect((19...21).contains(world.cards.count))
        let cards = try world.cards.map { try Card($0.card, of: world.configuration.identity.peerID, server: VirtualRendezvous.serverHash, now: 0) }
        #expect(zip(cards, cards.dropFirst()).allSatisfy { $0.sequence < $1.sequence && $1.expiry - $0.expiry <= 51_000 })
        #expect(world.losses.isEmpty && world.client.link?.acknowledged == world.client.sequence)
    }

    @Test("a server that answers pings, and never the registration, is left, and tried again")
    func unanswered() throws {
        let world = try VirtualRendezvous()
        world.lie = { if case .register = $0 { [] } else { nil } }
        world.give(.start)
        world.run(for: .seconds(40))
        #expect((world.client.absence?.error as? TransportError)?.code == .serverUnreachable && !world.pings.isEmpty)
        #expect(world.failure == nil && world.losses.count == 1 && world.connects.count == 2)
    }

    @Test("a fresh link has the window of its own Welcome, whatever the one before had", arguments: [1, 300, 65_536, 1 << 20])
    func window(_ window: Int) throws {
        let world = try VirtualRendezvous.registered()
        #expect(world.client.circuitWindow == 262_144)
        world.limits.circuitWindow = window
        world.restartServer()
        #expect(world.run(atMost: .seconds(1)) { !$0.client.isLinkUp })
        #expect(world.client.circuitWindow == nil)
        #expect(world.run(atMost: .seconds(5)) { $0.client.isRegistered })
        #expect(world.windows == [262_144, window] && world.client.circuitWindow == window)
        // The server tells it once.
        var welcome = WireWelcome()
        (welcome.timeMs, welcome.circuitWindow) = (world.serverTime, 99)
        world.hear(.welcome(welcome))
        #expect(world.client.circuitWindow == window)
    }
}
