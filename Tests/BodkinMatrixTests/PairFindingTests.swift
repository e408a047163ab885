import BodkinExercise
import BodkinNATLab
import BodkinPairs
import Testing

@testable import BodkinMatrix

@Suite("What a pair of networks must not show")
struct PairFindingTests {
    static func outcome(_ a: String, _ b: String, direct: Int, circuit: Int = 0, none: Int = 0, directByte: Double = 300) throws -> PairOutcome {
        let pair = NATPair(try #require(AccessNetwork(rawValue: a)), try #require(AccessNetwork(rawValue: b)))
        var outcome = PairOutcome(pair, a.contains("/") ? .configurations : .presets)
        for index in 0..<(direct + circuit + none) {
            var dial = PairDial(seed: UInt64(index), dialer: index.isMultiple(of: 2) ? .a : .b, packets: 100 + index)
            if index < direct {
                (dial.route, dial.directByte, dial.rounds, dial.probes) = ("direct", directByte, 1, 16)
            } else if index < direct + circuit {
                (dial.route, dial.verdict) = ("circuit", outcome.relayVerdict ?? "silent")
            } else {
                dial.failure = "gone"
            }
            outcome.dials.append(dial)
        }
        return outcome
    }

    private static func kinds(_ outcome: PairOutcome) -> [PairFinding.Kind] { outcome.findings(error: 1e-4).map(\.kind) }

    @Test("a certain pair is direct every time")
    func certain() throws {
        #expect(try Self.kinds(Self.outcome("open/equal", "symmetric/random", direct: 100)) == [])
        #expect(try Self.kinds(Self.outcome("open/equal", "symmetric/random", direct: 99, circuit: 1)) == [.route])
    }

    @Test("every dial connects")
    func connection() throws {
        #expect(try Self.kinds(Self.outcome("symmetric/random", "symmetric/random", direct: 0, circuit: 9, none: 1)) == [.connection])
    }

    @Test("an impossible pair goes to the circuit for the right reason, and fires nothing beyond the Meet unless silence is all that it knows")
    func impossible() throws {
        var outcome = try Self.outcome("symmetric-random", "symmetric-random", direct: 0, circuit: 10)
        #expect(Self.kinds(outcome) == [])
        outcome.dials[3].probes = 512
        #expect(Self.kinds(outcome) == [.probes])
        outcome.dials[3].probes = 0
        outcome.dials[7].verdict = "silent"
        #expect(Self.kinds(outcome) == [.verdict])
        #expect(outcome.findings(error: 1e-4).map(\.text) == ["1 of 10 relayed as silent, not as unpredictable"])
        // Where no SYN can cross another there is silence, no verdict is asked, and one search may be fired.
        var silent = try Self.outcome("blocked/equal", "blocked/random", direct: 0, circuit: 10)
        #expect(Self.kinds(silent) == [])
        silent.dials[3].probes = 1_024
        #expect(Self.kinds(silent) == [])
        silent.dials[3].probes = 1_025
        #expect(Self.kinds(silent) == [.probes])
        #expect(try Self.kinds(Self.outcome("blocked/equal", "blocked/random", direct: 1, circuit: 9)).contains(.route))
    }

    @Test(
        "a likely pair keeps to its rate, in the rounds that it has: neither much less nor much more",
        arguments: [(44, false), (30, true), (21, true), (5, false), (80, false)])
    func likely(direct: Int, isFine: Bool) throws {
        let outcome = try Self.outcome("symmetric-block", "symmetric-block", direct: direct, circuit: 100 - direct)
        #expect(Self.kinds(outcome) == (isFine ? [] : [.rate]))
    }

    @Test("what is asked of a pair counts to the letter in a hundred dials, and within what chance allows in fewer")
    func goals() throws {
        #expect(try Self.kinds(Self.outcome("symmetric-noisy", "symmetric-noisy", direct: 95, circuit: 5)) == [.rate])
        #expect(try Self.outcome("symmetric-noisy", "symmetric-noisy", direct: 94, circuit: 6).findings(error: 0).map(\.kind) == [.goal])
        #expect(try Self.outcome("symmetric-noisy", "symmetric-noisy", direct: 19, circuit: 1).findings(error: 1e-4) == [])
        #expect(try Self.kinds(Self.outcome("symmetric-noisy", "symmetric-noisy", direct: 10, circuit: 10)).contains(.goal))
    }

    @Test("times and rounds are asked of some")
    func times() throws {
        #expect(try Self.kinds(Self.outcome("symmetric-seq", "masquerade", direct: 100, directByte: 375)) == [])
        #expect(try Self.kinds(Self.outcome("symmetric-seq", "masquerade", direct: 100, directByte: 376)) == [.goal])
        var outcome = try Self.outcome("symmetric-seq", "masquerade", direct: 100)
        outcome.dials[0].rounds = 3
        #expect(Self.kinds(outcome) == [.goal])
        #expect(try Self.kinds(Self.outcome("symmetric-random", "rst-kills", direct: 100, directByte: 3001)) == [.goal])
    }

    @Test("what is asked is asked of a pair in either order, and of no other")
    func asked() {
        for preset in PeerCell.tierOne {
            #expect(PairGoal.asked(of: preset, .symmetricSequential) == PairGoal.asked(of: .symmetricSequential, preset))
            #expect(PairGoal.asked(of: preset, .symmetricSequential)?.direct == 97 && PairGoal.asked(of: .symmetricRandom, preset)?.direct == 98)
            #expect(PairGoal.asked(of: preset, .symmetricBlock) == nil)
        }
        #expect(PairGoal.asked(of: .symmetricSequential, .symmetricSequential)?.median == 375)
        #expect(PairGoal.asked(of: .symmetricDependent, .symmetricDependent)?.direct == 95)
        #expect(PairGoal.asked(of: .symmetricNoisy, .symmetricDependent) == nil && PairGoal.asked(of: .symmetricRandom, .symmetricRandom) == nil)
    }

    @Test("the error that is allowed is shared by all tests of rates, and pairs without dials take no part")
    func family() throws {
        var pairs = PairEvidence()
        #expect(pairs.error == 0.01)
        pairs.outcomes = [
            try Self.outcome("symmetric-block", "symmetric-block", direct: 4, circuit: 6), try Self.outcome("open", "firewall", direct: 3),
            try Self.outcome("symmetric-seq", "masquerade", direct: 3), try Self.outcome("symmetric-seq", "symmetric-seq", direct: 0),
        ]
        #expect(pairs.error == 0.01 / 5)
    }
}
