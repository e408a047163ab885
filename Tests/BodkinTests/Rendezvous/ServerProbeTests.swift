import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

@Suite("The rendezvous client probes the server")
struct ServerProbeTests {
    /// Registered, with NATs that want to see a packet after so long.
    private func idle(delay: Duration = .milliseconds(25), keepalive: Duration = .seconds(7200)) throws -> VirtualRendezvous {
        let world = try VirtualRendezvous.registered(delay: delay)
        var local = LocalDescription()
        local.keepalive = keepalive
        world.give(.localChanged(local))
        return world
    }

    @Test(
        "a link that a NAT has forgotten is replaced within 10.6 s and eight round trips, whenever that happens",
        arguments: [1, 25, 100, 300], [0.0, 3.3, 9.97, 10.02, 15])
    func forgotten(_ milliseconds: Int, _ seconds: Double) throws {
        let delay = Duration.milliseconds(milliseconds)
        let world = try idle(delay: delay)
        world.run(for: .seconds(20) + .seconds(seconds))
        world.isSilent = true
        let start = world.now
        #expect(world.run(atMost: .seconds(30)) { !$0.replacements.isEmpty })
        world.isSilent = false
        // Connecting has begun, into the silence: the real link sends its SYN again after 300 ms. Here it begins anew.
        world.give(.networkChanged(NetworkChange(isOtherNetwork: false, hasAddress: true, isLinkAddressGone: true)))
        #expect(world.run(atMost: .seconds(5)) { $0.client.isRegistered })
        let roundTrip = delay * 2
        #expect(world.now - start <= .milliseconds(10_600) + roundTrip * 8, "\(world.now - start)")
        #expect(world.now - start >= .milliseconds(600))
    }

    @Test("an idle link costs 360 probes an hour, and none where the server says something in time")
    func cost() throws {
        let world = try idle()
        world.run(for: .seconds(3600))
        // Each pause begins with the answer.
        #expect((350...360).contains(world.pings.count) && world.losses.isEmpty)
        let other = try idle()
        for _ in 0..<400 {
            other.give(.heard)
            other.run(for: .seconds(9))
        }
        #expect(other.pings.isEmpty)
    }

    @Test(
        "where NATs forget earlier the probes come earlier, but never more than one a second",
        arguments: [(0, 1.0), (2, 2), (8, 8), (100, 10)] as [(Int, Double)])
    func keepalive(_ keepalive: Int, _ interval: Double) throws {
        let world = try idle(keepalive: .seconds(keepalive))
        world.run(for: .seconds(60))
        let gaps = zip(world.pings, world.pings.dropFirst()).map { ($1 - $0) / .seconds(1) }
        #expect(!gaps.isEmpty && gaps.allSatisfy { abs($0 - interval - 0.05) < 0.001 }, "\(gaps)")
    }

    @Test("two probes in a row that TCP has to repeat are no silence: an answer within 600 ms and three round trips is in time")
    func late() throws {
        let world = try idle()
        world.lie = { if case .ping = $0 { [] } else { nil } }
        #expect(world.run(atMost: .seconds(11)) { !$0.pings.isEmpty })
        guard case .ping(let ping) = try #require(world.received.last).body else { return }
        world.run(for: .milliseconds(600))
        world.say(.pong(ping))
        world.lie = { _ in nil }
        world.run(for: .seconds(5))
        #expect(world.losses.isEmpty)
        // The answer was slow: the next one may be as slow, and three times that.
        #expect(world.client.idleAnswerLimit > .milliseconds(600 + 3 * 600))
        for _ in 0..<40 { world.run(for: .seconds(11)) }
        #expect(world.client.idleAnswerLimit < .milliseconds(800))
    }

    @Test("anything that comes is a sign of life, but no answer")
    func otherMessages() throws {
        let world = try idle()
        world.lie = { if case .ping = $0 { [] } else { nil } }
        #expect(world.run(atMost: .seconds(11)) { !$0.pings.isEmpty })
        for number in 0..<20 as Range<UInt64> {
            world.run(for: .milliseconds(500))
            // The answer to another question is none, either.
            var pong = WirePing()
            pong.number = number + 2
            number % 2 == 0 ? world.give(.heard) : world.hear(.pong(pong))
        }
        #expect(world.replacements.isEmpty && world.pings.count == 1)
        #expect(world.run(atMost: .seconds(1)) { !$0.replacements.isEmpty })
    }

    @Test(
        "in doubt the server has less time: a repetition by TCP where nothing hangs on the link, one more where something does",
        arguments: [(false, 150), (true, 600)])
    func doubt(_ isPrecious: Bool, _ limit: Int) throws {
        let world = try idle()
        world.isSilent = true
        world.give(.demandChanged(ServerDemand(isPrecious: isPrecious)))
        world.give(.probe)
        let start = world.now
        world.give(.probe)
        #expect(world.run(atMost: .seconds(2)) { !$0.replacements.isEmpty })
        #expect(world.now - start == .milliseconds(limit))
    }

    @Test("a patient probe that is under way does not hold up an urgent one, which has its own answer")
    func urgent() throws {
        let world = try idle()
        world.isSilent = true
        #expect(world.run(atMost: .seconds(11)) { $0.actions.contains { if case .send(.ping) = $0.action { true } else { false } } })
        let start = world.now
        world.give(.probe)
        var pong = WirePing()
        pong.number = 1
        world.hear(.pong(pong))
        #expect(world.run(atMost: .seconds(2)) { !$0.replacements.isEmpty } && world.now - start == .milliseconds(150))
    }

    /// What becomes of a silent link.
    enum Fate: CaseIterable {
        /// It was a queue: the answer comes, late.
        case answers
        /// It was a queue that has dropped the question: packets come before the other link is up, and the answer after that.
        case repeats
        /// A NAT has forgotten it: another link is up first.
        case replaced
        /// The server is away: no link comes up.
        case away
        /// No link comes up, but packets of the silent one come.
        case alone
        /// It ends while the other one is made.
        case ends
    }

    @Test("a silent link stays until its answer comes or another link is up, whichever is first", arguments: Fate.allCases)
    func replacement(_ fate: Fate) throws {
        let world = try idle()
        world.run(for: .seconds(20))
        world.lie = { if case .ping = $0 { [] } else { nil } }
        if fate == .away || fate == .alone { world.isServerUp = false }
        world.give(.probe)
        #expect(world.run(atMost: .seconds(2)) { !$0.replacements.isEmpty } && world.client.isRegistered && world.losses.isEmpty)
        world.lie = { _ in nil }
        switch fate {
        case .answers, .repeats:
            if fate == .repeats {
                world.run(for: .milliseconds(90))
                world.give(.packetSilence(.milliseconds(20)))
                world.run(for: .milliseconds(50))
            }
            var pong = WirePing()
            pong.number = world.client.link?.liveness.number ?? 0
            world.hear(.pong(pong))
            world.run(for: .seconds(5))
            #expect(world.losses.isEmpty && world.client.isRegistered && world.connects.count == 1)
            #expect(world.actions.contains { if case .abandonReplacement = $0.action { true } else { false } })
            // The next silence is looked into again.
            world.lie = { if case .ping = $0 { [] } else { nil } }
            world.give(.probe)
            #expect(world.run(atMost: .seconds(2)) { $0.replacements.count == 2 })
        case .replaced:
            #expect(world.run(atMost: .seconds(1)) { $0.losses.count == 1 && $0.client.isRegistered } && world.connects.count == 1)
        case .away:
            #expect(world.run(atMost: .seconds(1)) { $0.losses.count == 1 } && !world.client.isLinkUp)
            world.isServerUp = true
            #expect(world.run(atMost: .seconds(31)) { $0.client.isRegistered })
        case .alone:
            world.give(.packetSilence(.milliseconds(20)))
            world.run(for: .milliseconds(60))
            #expect(world.losses.isEmpty && world.client.isRegistered)
            // Then they come no more.
            #expect(world.run(atMost: .seconds(1)) { $0.losses.count == 1 } && world.replacements.count == 2)
        case .ends:
            world.resetLink()
            #expect(world.run(atMost: .seconds(1)) { $0.losses.count == 1 && $0.client.isRegistered } && world.connects.count == 1)
        }
    }

    @Test("while somebody waits the link is probed after 300 ms, then ever more seldom, every 5 s at last, and no more when nobody does")
    func waiting() throws {
        let world = try idle()
        world.give(.demandChanged(ServerDemand(isAwaited: true)))
        world.give(.awaitServer)
        world.run(for: .seconds(30))
        let times = world.pings.map { ($0.sinceStart - .milliseconds(175)) / .seconds(1) }
        let expected = [0.3, 0.9, 2.1, 4.5, 9.3, 14.3, 19.3, 24.3, 29.3]
        #expect(times.count == expected.count && zip(times, expected).allSatisfy { abs($0 - $1) < 0.01 }, "\(times)")
        world.give(.demandChanged(ServerDemand()))
        let count = world.pings.count
        world.run(for: .seconds(9))
        #expect(world.pings.count == count && world.client.waitingProbe == nil)
    }

    @Test("nothing is sent before the hello: a probe of a link that is not registered is none")
    func early() throws {
        let world = try VirtualRendezvous()
        var local = LocalDescription()
        local.bindingCount = 1
        world.give(.localChanged(local))
        world.give(.start)
        #expect(world.run(atMost: .seconds(1)) { $0.client.isLinkUp })
        world.give(.probe)
        world.give(.awaitServer)
        #expect(!world.actions.contains { if case .send = $0.action { true } else { false } })
    }
}

@Suite struct ServerClockTests {
    @Test(
        "the server's time goes on with the peer's monotonic clock, and no time overflows",
        arguments: [0, 1_800_000_000_000, .max - 1, .max] as [UInt64])
    func overflow(_ told: UInt64) {
        var clock = ServerClock(localTime: 1_800_000_000_000, at: .start)
        let later = Instant.start + .seconds(5)
        #expect(clock.time(at: later) == 1_800_000_005_000)
        _ = clock.set(told, at: later)
        #expect(clock.time(at: later + .milliseconds(7)) == told &+ 7)
        #expect(clock.time(at: .start) >= 0)
        #expect(clock.set(told, at: later) == .zero)
    }
}
