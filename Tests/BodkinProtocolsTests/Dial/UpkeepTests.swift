import BodkinCore
import BodkinFuzzers
import Testing

@testable import BodkinProtocols

@Suite struct UpkeepTests {
    private static func upkeep(_ role: Session.Role = .dialer, kind: PathKind? = .tcp, directPaths: Bool = true) -> Upkeep {
        Upkeep(role, kind: kind, lifetime: .seconds(60), allowsDirectPaths: directPaths)
    }

    @Test func aDirectPathNeedsNothing() {
        var upkeep = Self.upkeep()
        #expect(upkeep.deadline == nil)
        upkeep.hurry(at: .seconds(5))
        #expect(upkeep.deadline == nil)
    }

    @Test func aLostPathIsDialedForAtOnceThenEverMoreSeldomAndGivenUpAfterItsLifetime() {
        var upkeep = Self.upkeep()
        upkeep.carried(by: nil, at: .seconds(100))
        var dials: [Duration] = []
        var now = Duration.zero
        while let deadline = upkeep.deadline {
            #expect(deadline >= now)
            now = deadline
            guard let action = upkeep.act(at: now) else { continue }
            guard action == .redial else { break }
            dials.append(now)
            upkeep.began()
            upkeep.ended(at: now, jitter: 1)
        }
        #expect(now == .seconds(160))
        #expect(dials.prefix(4) == [.seconds(100), .milliseconds(100_250), .milliseconds(100_750), .milliseconds(101_750)])
        #expect((10...16).contains(dials.count), "\(dials)")
        #expect(zip(dials, dials.dropFirst()).allSatisfy { $1 - $0 <= .seconds(8) })
    }

    @Test func aRelayedSessionIsUpgradedEverMoreSeldomByTheDialerAlone() {
        for role in [Session.Role.dialer, .called] {
            var upkeep = Self.upkeep(role, kind: nil)
            upkeep.carried(by: .circuit, at: .zero)
            guard role == .dialer else {
                #expect(upkeep.deadline == nil)
                continue
            }
            var count = 0
            var now = Duration.zero
            while let deadline = upkeep.deadline, deadline < .seconds(86_400) {
                now = deadline
                #expect(upkeep.act(at: now) == .upgrade)
                count += 1
                upkeep.began()
                upkeep.ended(at: now, jitter: 1)
            }
            #expect((140...160).contains(count), "\(count) in a day")
        }
        var relayed = Self.upkeep(kind: nil, directPaths: false)
        relayed.carried(by: .circuit, at: .zero)
        #expect(relayed.deadline == nil)
        relayed.hurry(at: .seconds(1))
        #expect(relayed.deadline == nil)
    }

    @Test func whatWasDirectIsUpgradedWithinASecondThenEverMoreSeldom() {
        var upkeep = Self.upkeep()
        upkeep.carried(by: nil, at: .zero)
        _ = upkeep.act(at: .zero)
        upkeep.began()
        upkeep.carried(by: .circuit, at: .zero)
        upkeep.ended(at: .zero, jitter: 1)
        var dials: [Duration] = []
        while let deadline = upkeep.deadline, dials.count < 12 {
            #expect(upkeep.act(at: deadline) == .upgrade)
            dials.append(deadline)
            upkeep.began()
            upkeep.ended(at: deadline, jitter: 1)
        }
        #expect(dials.prefix(4) == [.seconds(1), .seconds(3), .seconds(7), .seconds(15)])
        #expect(dials[11] - dials[10] == .seconds(600))
    }

    @Test func aChangeOfTheNetworkIsAReasonToTryAtOnce() {
        for role in [Session.Role.dialer, .called] {
            var upkeep = Self.upkeep(role, kind: .circuit)
            upkeep.hurry(at: .seconds(7))
            #expect(upkeep.deadline == .seconds(7) && upkeep.act(at: .seconds(7)) == .upgrade)
        }
        // What is under way began too early to count.
        var busy = Self.upkeep(kind: .circuit)
        busy.began()
        busy.hurry(at: .seconds(8))
        #expect(busy.deadline == nil)
        busy.ended(at: .seconds(9), jitter: 1)
        #expect(busy.deadline == .seconds(9))
    }

    @Test func pathsThatComeAndGoAreNotDialedForInALoop() {
        var upkeep = Self.upkeep()
        var dials: [Duration] = []
        var now = Duration.zero
        while now < .seconds(60) {
            upkeep.carried(by: nil, at: now)
            while let deadline = upkeep.deadline {
                now = max(now, deadline)
                if upkeep.act(at: now) == .redial { break }
            }
            dials.append(now)
            upkeep.began()
            now += .milliseconds(10)
            upkeep.carried(by: .circuit, at: now)
            upkeep.ended(at: now, jitter: 1)
            now += .milliseconds(10)
        }
        #expect(dials.count < 25, "\(dials.count) dials in a minute")
        #expect(dials[4] < .milliseconds(1_200), "a network that is being put in order costs no more than a quarter of a second each time: \(dials)")
    }

    @Test(arguments: 1...50) func whateverHappensItDialsOrGivesUpInTime(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var upkeep = Self.upkeep()
        var now = Duration.zero
        var kind: PathKind? = .tcp
        var pathlessSince: Duration?
        var isBusy = false
        for _ in 0..<2_000 {
            now += .milliseconds(Int64(random.below(3_000)))
            switch random.below(6) {
            case 0, 1:
                kind = [nil, .circuit, .tcp][Int(random.below(3))]
                upkeep.carried(by: kind, at: now)
                if kind != nil { pathlessSince = nil } else { pathlessSince = pathlessSince ?? now }
            case 2: upkeep.hurry(at: now)
            case 3 where isBusy:
                isBusy = false
                upkeep.ended(at: now, jitter: 0.5 + Double(random.below(100)) / 100)
            default: break
            }
            while let deadline = upkeep.deadline, deadline <= now {
                guard let action = upkeep.act(at: now) else { break }
                switch action {
                case .giveUp:
                    #expect(pathlessSince.map { now - $0 >= .seconds(60) } == true)
                    return
                case .redial: #expect(kind == nil)
                case .upgrade: #expect(kind == .circuit && !isBusy)
                }
                isBusy = true
                upkeep.began()
            }
            // Nobody without a path is forgotten.
            if kind == nil { #expect(upkeep.deadline != nil) }
        }
    }
}

@Suite("Upkeep after a dial that was disturbed")
struct UpkeepPromiseTests {
    @Test(
        "a session whose dial was disturbed looks for a direct path again after seconds, not after half a minute",
        arguments: [false, true])
    func promising(_ isMissed: Bool) {
        var upkeep = Upkeep(.dialer, kind: .circuit, lifetime: .seconds(60), allowsDirectPaths: true)
        upkeep.began()
        if isMissed { upkeep.missed() }
        upkeep.ended(at: .seconds(2), jitter: 1)
        #expect(upkeep.deadline == .seconds(2) + (isMissed ? .seconds(5) : .seconds(30)))
    }
}
