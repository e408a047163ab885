import BodkinCore
import BodkinFuzzers
import BodkinProtocols
import Testing

@testable import Bodkin

@Suite struct RecoveryTests {
    private static func recovery(_ role: Session.Role = .dialer, kind: PathKind? = .tcp, directPaths: Bool = true) -> Recovery {
        Recovery(role, kind: kind, lifetime: .seconds(60), allowsDirectPaths: directPaths)
    }

    @Test func aDirectPathNeedsNothing() {
        var recovery = Self.recovery()
        #expect(recovery.deadline == nil)
        recovery.retryNow(at: .seconds(5))
        #expect(recovery.deadline == nil)
    }

    @Test func aLostPathIsDialedForAtOnceThenEverMoreSeldomAndGivenUpAfterItsLifetime() {
        var recovery = Self.recovery()
        recovery.carried(by: nil, at: .seconds(100))
        var dials: [Duration] = []
        var now = Duration.zero
        while let deadline = recovery.deadline {
            #expect(deadline >= now)
            now = deadline
            guard let action = recovery.act(at: now) else { continue }
            guard action == .redial else { break }
            dials.append(now)
            recovery.began()
            recovery.ended(at: now, jitter: 1)
        }
        #expect(now == .seconds(160))
        #expect(dials.prefix(4) == [.seconds(100), .milliseconds(100_250), .milliseconds(100_750), .milliseconds(101_750)])
        #expect((10...16).contains(dials.count), "\(dials)")
        #expect(zip(dials, dials.dropFirst()).allSatisfy { $1 - $0 <= .seconds(8) })
    }

    @Test(
        "after a sleep the time without a path counts from when the remote peer began to look, and ten seconds are left at least",
        arguments: [(slept: 0.0, found: 1.0, left: 60.0), (20, 1, 40), (70, 1, 10), (100_000, 1, 10), (70, 19, 10), (70, 21, 60)], [true, false])
    func sleep(_ test: (slept: Double, found: Double, left: Double), _ isFoundBefore: Bool) {
        var recovery = Self.recovery(.called)
        let wake = Duration.seconds(1000)
        let found = isFoundBefore ? wake : wake + .seconds(test.found)
        if isFoundBefore { recovery.carried(by: nil, at: found) }
        recovery.woke(after: .seconds(test.slept), at: wake)
        if !isFoundBefore { recovery.carried(by: nil, at: found) }
        var now = found
        while recovery.act(at: now) != .giveUp {
            recovery.began()
            recovery.ended(at: now, jitter: 1)
            guard let deadline = recovery.deadline, deadline > now else { break }
            now = deadline
        }
        // Where the path was lost before, the time began at the loss as it was found.
        #expect(now - found == .seconds(isFoundBefore && test.found > 20 ? 10 : test.left))
        // A path that comes in time makes up for it, and a later loss has the whole lifetime.
        var saved = Self.recovery(.called)
        saved.woke(after: .seconds(test.slept), at: wake)
        saved.carried(by: nil, at: wake)
        saved.carried(by: .tcp, at: wake + .seconds(2))
        #expect(saved.deadline == nil)
        saved.carried(by: nil, at: wake + .seconds(100))
        #expect(saved.act(at: wake + .seconds(159)) != .giveUp && saved.act(at: wake + .seconds(160)) == .giveUp)
    }

    @Test(
        "where the remote system has ended the path ten seconds are left, and the whole lifetime after the next loss",
        arguments: [(5, 5), (10, 10), (60, 10)])
    func remoteEnded(_ lifetime: Int, _ left: Int) {
        var recovery = Recovery(.called, kind: .tcp, lifetime: .seconds(lifetime), allowsDirectPaths: true)
        recovery.remoteEnded()
        recovery.carried(by: nil, at: .seconds(100))
        #expect(recovery.act(at: .seconds(100 + left) - .milliseconds(1)) != .giveUp && recovery.act(at: .seconds(100 + left)) == .giveUp)
        // Another path has taken over from that one.
        for kind in [PathKind.tcp, .circuit] {
            var saved = Recovery(.called, kind: .tcp, lifetime: .seconds(lifetime), allowsDirectPaths: true)
            saved.remoteEnded()
            saved.carried(by: kind, at: .seconds(100))
            saved.carried(by: nil, at: .seconds(200))
            #expect(saved.act(at: .seconds(200 + lifetime) - .milliseconds(1)) != .giveUp && saved.act(at: .seconds(200 + lifetime)) == .giveUp)
        }
    }

    @Test func aRelayedSessionIsUpgradedEverMoreSeldomByTheDialerAlone() {
        for role in [Session.Role.dialer, .called] {
            var recovery = Self.recovery(role, kind: nil)
            recovery.carried(by: .circuit, at: .zero)
            guard role == .dialer else {
                #expect(recovery.deadline == nil)
                continue
            }
            var count = 0
            var now = Duration.zero
            while let deadline = recovery.deadline, deadline < .seconds(86_400) {
                now = deadline
                #expect(recovery.act(at: now) == .upgrade)
                count += 1
                recovery.began()
                recovery.ended(at: now, jitter: 1)
            }
            #expect((140...160).contains(count), "\(count) in a day")
        }
        var relayed = Self.recovery(kind: nil, directPaths: false)
        relayed.carried(by: .circuit, at: .zero)
        #expect(relayed.deadline == nil)
        relayed.retryNow(at: .seconds(1))
        #expect(relayed.deadline == nil)
    }

    @Test func whatWasDirectIsUpgradedWithinASecondThenEverMoreSeldom() {
        var recovery = Self.recovery()
        recovery.carried(by: nil, at: .zero)
        _ = recovery.act(at: .zero)
        recovery.began()
        recovery.carried(by: .circuit, at: .zero)
        recovery.ended(at: .zero, jitter: 1)
        var dials: [Duration] = []
        while let deadline = recovery.deadline, dials.count < 12 {
            #expect(recovery.act(at: deadline) == .upgrade)
            dials.append(deadline)
            recovery.began()
            recovery.ended(at: deadline, jitter: 1)
        }
        #expect(dials.prefix(4) == [.seconds(1), .seconds(3), .seconds(7), .seconds(15)])
        #expect(dials[11] - dials[10] == .seconds(600))
    }

    @Test func aDirectPathThatEndsBeforeItCarriesAnythingIsLookedForAgainWithinASecond() {
        for isBusy in [false, true] {
            var recovery = Self.recovery(kind: .circuit)
            recovery.began()
            if !isBusy { recovery.ended(at: .seconds(1), jitter: 1) }
            recovery.lostDirectPath(at: .seconds(3))
            if isBusy { recovery.ended(at: .seconds(3), jitter: 1) }
            #expect(recovery.deadline == .seconds(isBusy ? 4 : 5))
            #expect(recovery.act(at: .seconds(5)) == .upgrade)
        }
        var direct = Self.recovery()
        direct.lostDirectPath(at: .seconds(3))
        #expect(direct.deadline == nil)
    }

    @Test func aChangeOfTheNetworkIsAReasonToTryAtOnce() {
        for role in [Session.Role.dialer, .called] {
            var recovery = Self.recovery(role, kind: .circuit)
            recovery.retryNow(at: .seconds(7))
            #expect(recovery.deadline == .seconds(7) && recovery.act(at: .seconds(7)) == .upgrade)
        }
        // What is under way began too early to count.
        var busy = Self.recovery(kind: .circuit)
        busy.began()
        busy.retryNow(at: .seconds(8))
        #expect(busy.deadline == nil)
        busy.ended(at: .seconds(9), jitter: 1)
        #expect(busy.deadline == .seconds(9))
    }

    @Test func pathsThatComeAndGoAreNotDialedForInALoop() {
        var recovery = Self.recovery()
        var dials: [Duration] = []
        var now = Duration.zero
        while now < .seconds(60) {
            recovery.carried(by: nil, at: now)
            while let deadline = recovery.deadline {
                now = max(now, deadline)
                if recovery.act(at: now) == .redial { break }
            }
            dials.append(now)
            recovery.began()
            now += .milliseconds(10)
            recovery.carried(by: .circuit, at: now)
            recovery.ended(at: now, jitter: 1)
            now += .milliseconds(10)
        }
        #expect(dials.count < 25, "\(dials.count) dials in a minute")
        #expect(dials[4] < .milliseconds(1_200), "a network that is being put in order costs no more than a quarter of a second each time: \(dials)")
    }

    @Test(arguments: 1...50) func whateverHappensItDialsOrGivesUpInTime(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var recovery = Self.recovery()
        var now = Duration.zero
        var kind: PathKind? = .tcp
        var pathlessSince: Duration?
        var isBusy = false
        for _ in 0..<2_000 {
            now += .milliseconds(Int64(random.below(3_000)))
            switch random.below(6) {
            case 0, 1:
                kind = [nil, .circuit, .tcp][Int(random.below(3))]
                recovery.carried(by: kind, at: now)
                if kind != nil { pathlessSince = nil } else { pathlessSince = pathlessSince ?? now }
            case 2: recovery.retryNow(at: now)
            case 3 where isBusy:
                isBusy = false
                recovery.ended(at: now, jitter: 0.5 + Double(random.below(100)) / 100)
            default: break
            }
            while let deadline = recovery.deadline, deadline <= now {
                guard let action = recovery.act(at: now) else { break }
                switch action {
                case .giveUp:
                    #expect(pathlessSince.map { now - $0 >= .seconds(60) } == true)
                    return
                case .redial: #expect(kind == nil)
                case .upgrade: #expect(kind == .circuit && !isBusy)
                }
                isBusy = true
                recovery.began()
            }
            // Nobody without a path is forgotten.
            if kind == nil { #expect(recovery.deadline != nil) }
        }
    }
}

@Suite("Recovery after a dial that was disturbed")
struct RecoveryPromiseTests {
    @Test(
        "a session whose dial was disturbed looks for a direct path again after seconds, not after half a minute",
        arguments: [false, true])
    func promising(_ isMissed: Bool) {
        var recovery = Recovery(.dialer, kind: .circuit, lifetime: .seconds(60), allowsDirectPaths: true)
        recovery.began()
        if isMissed { recovery.missed() }
        recovery.ended(at: .seconds(2), jitter: 1)
        #expect(recovery.deadline == .seconds(2) + (isMissed ? .seconds(5) : .seconds(30)))
    }
}
