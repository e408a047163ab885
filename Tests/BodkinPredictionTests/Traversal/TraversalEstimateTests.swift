import BodkinCore
import BodkinEmulation
import BodkinPairs
import BodkinPrediction
import Testing

@Suite("What becomes of a pair of networks")
struct TraversalEstimateTests {
    static let tierOne: [NATPreset] = [
        .open, .firewall, .fullCone, .restricted, .portRestricted, .portRestrictedRST, .portRestrictedICMP, .rstKills, .randomCone, .masquerade, .cgn,
        .udpBlocked,
    ]
    static let lettingIn: [NATPreset] = [.open, .fullCone, .restricted]
    static let symmetric: [NATPreset] = [
        .symmetricSequential, .symmetricNoisy, .symmetricDependent, .symmetricBlock, .symmetricRandom, .cgnBlock,
    ]

    static func forecast(_ a: NATPreset, _ b: NATPreset, _ policy: PunchPolicy = PunchPolicy()) -> TraversalEstimate {
        TraversalEstimate(
            of: NATProfile(told: a.layers, address: "203.0.113.1"), and: NATProfile(told: b.layers, address: "203.0.113.2"), policy: policy)
    }

    static func probability(_ a: NATPreset, _ b: NATPreset, _ policy: PunchPolicy = PunchPolicy()) -> Double {
        switch forecast(a, b, policy).feasibility {
        case .certain: 1
        case .likely(let probability, _): probability
        case .impossible, .unknown: 0
        }
    }

    @Test("networks whose ports are seen as they are meet for certain", arguments: tierOne, tierOne)
    func meet(a: NATPreset, b: NATPreset) {
        let forecast = Self.forecast(a, b)
        #expect(forecast.feasibility == .certain && forecast.plan == PunchPlan(.meet, a: .meet, b: .meet))
    }

    @Test("a network that lets the other side in meets any for certain", arguments: lettingIn, symmetric)
    func doors(a: NATPreset, b: NATPreset) {
        #expect(Self.forecast(a, b).feasibility == .certain)
        #expect(Self.forecast(b, a).feasibility == .certain)
    }

    @Test("a forecast is the same from both sides", arguments: NATPreset.allCases, NATPreset.allCases)
    func mirrored(a: NATPreset, b: NATPreset) {
        let (there, back) = (Self.forecast(a, b), Self.forecast(b, a))
        #expect(there.feasibility == back.feasibility)
        #expect(there.plan?.probes == back.plan?.probes && there.plan?.tier == back.plan?.tier)
        if a != b { #expect(there.plan == back.plan?.reversed) }
    }

    @Test("no side ever has more half-open connections than the budget", arguments: NATPreset.allCases, NATPreset.allCases)
    func budget(a: NATPreset, b: NATPreset) {
        for budget in [0, 1, 10, 100, 1024, 50_000, -1] {
            var policy = PunchPolicy()
            policy.budget = budget
            let plan = Self.forecast(a, b, policy).plan
            #expect((plan?.probes ?? 0) <= max(1, min(budget, 1024)), "budget \(budget): \(String(describing: plan))")
        }
    }

    @Test("counting NATs are met by prediction, at a rate that follows from the noise")
    func predicted() {
        #expect(Self.forecast(.symmetricSequential, .symmetricSequential).plan?.tier == .predicted)
        #expect(Self.probability(.symmetricSequential, .symmetricSequential) > 0.99)
        #expect(abs(Self.probability(.symmetricNoisy, .symmetricNoisy) - 0.988) < 0.003)
        #expect(Self.probability(.symmetricDependent, .symmetricDependent) > 0.99)
    }

    @Test("against a known port the counting side fires one probe, and the other one guesses")
    func singleProbe() {
        let forecast = Self.forecast(.portRestricted, .symmetricNoisy)
        #expect(forecast.plan == PunchPlan(.predicted, a: .guess(count: 16), b: .burst(count: 1, at: .known), first: .a))
    }

    @Test(
        "a random NAT and one known port take 512 by 896, and the side that guesses fires first",
        arguments: tierOne.filter { !lettingIn.contains($0) })
    func birthday(known: NATPreset) {
        let forecast = Self.forecast(known, .symmetricRandom)
        #expect(forecast.plan == PunchPlan(.birthday, a: .guess(count: 896), b: .burst(count: 512, at: .known), first: .a))
        #expect(Self.probability(known, .symmetricRandom) > 0.999)
    }

    @Test("two blocks take half of each once, and meet in one dial of five")
    func blocks() {
        let forecast = Self.forecast(.symmetricBlock, .symmetricBlock)
        // Of half a block 8 ports stand, and 13 have gone into the look at it.
        #expect(forecast.feasibility == .likely(probability: Double(235 * 235) / Double(512 * 512), probes: 235))
        #expect(forecast.plan?.rounds == 1 && Self.forecast(.symmetricBlock, .portRestricted).plan?.rounds == 2)
        #expect(abs(Self.probability(.symmetricBlock, .symmetricSequential) - 0.46) < 0.01)
        let known = Self.forecast(.symmetricBlock, .portRestricted)
        #expect(known.plan == PunchPlan(.birthday, a: .burst(count: 32, at: .known), b: .guess(count: 256), first: .b))
        #expect(Self.probability(.symmetricBlock, .portRestricted) > 0.999)
    }

    @Test("what nobody can foretell is not tried", arguments: [NATPreset.symmetricRandom, .symmetricSequential, .symmetricBlock, .cgnBlock])
    func unpredictable(a: NATPreset) {
        let forecast = Self.forecast(a, .symmetricRandom)
        #expect(forecast.feasibility == .impossible(.unpredictable) && forecast.plan == nil)
    }

    @Test("without prediction only what meets is left")
    func switchedOff() {
        var policy = PunchPolicy()
        policy.allowsPrediction = false
        #expect(Self.forecast(.symmetricSequential, .portRestricted, policy).feasibility == .impossible(.predictionOff))
        #expect(Self.forecast(.symmetricSequential, .fullCone, policy).feasibility == .certain)
        #expect(Self.forecast(.portRestricted, .masquerade, policy).feasibility == .certain)
    }

    @Test("two networks that let in only SYN-ACKs do not meet; one of them meets whoever accepts a crossing SYN")
    func crossing() {
        func profile(_ name: String, _ address: IPAddress = "203.0.113.2") -> NATProfile {
            NATProfile(told: NATConfiguration(rawValue: name)?.layers ?? [], address: address)
        }
        let blocked = profile("blocked/equal", "203.0.113.1")
        let other = profile("blocked/random")
        #expect(feasibility(of: blocked, and: other) == .impossible(.noCrossing))
        for name in ["open/equal", "udp-firewall/equal", "full-cone/random", "restricted/dependent", "port-restricted/equal", "symmetric/equal"] {
            #expect(feasibility(of: blocked, and: profile(name)) == .certain, "\(name)")
        }
        var unseen = profile("port-restricted/equal")
        unseen.acceptsSimultaneousOpen = nil
        #expect(feasibility(of: unseen, and: blocked) == .likely(probability: 0.85, probes: 1))
    }

    @Test("a network that lets out few ports connects only where it is let in itself")
    func fewPorts() {
        #expect(Self.forecast(.only443, .portRestricted).feasibility == .impossible(.portsForbidden))
        #expect(Self.forecast(.only443, .fullCone).feasibility == .impossible(.portsForbidden))
    }

    @Test("behind one external address it is the hairpin that decides")
    func hairpin() {
        var profile = NATProfile(told: NATPreset.portRestricted.layers, address: "203.0.113.1")
        #expect(feasibility(of: profile, and: profile) == .impossible(.noHairpin))
        profile.hairpin = nil
        #expect(feasibility(of: profile, and: profile) == .unknown)
        profile.hairpin = true
        #expect(feasibility(of: profile, and: profile) == .certain)
    }

    @Test("several external addresses are no obstacle to a mapping that stays, and one to each that is new")
    func pools() {
        var several = NATProfile(told: NATPreset.portRestricted.layers, address: "203.0.113.1")
        several.estimate.addresses.append("203.0.113.9")
        let home = NATProfile(told: NATPreset.portRestricted.layers, address: "203.0.113.2")
        #expect(feasibility(of: several, and: home) == .certain)
        var symmetric = NATProfile(told: NATPreset.symmetricSequential.layers, address: "203.0.113.1")
        symmetric.estimate.addresses.append("203.0.113.9")
        #expect(feasibility(of: symmetric, and: home) == .impossible(.severalAddresses))
        let restricted = NATProfile(told: NATPreset.restricted.layers, address: "203.0.113.2")
        #expect(feasibility(of: symmetric, and: restricted) == .impossible(.severalAddresses))
        let open = NATProfile(told: [], address: "203.0.113.2")
        #expect(feasibility(of: symmetric, and: open) == .certain)
    }

    @Test("what is not known is not judged, except where it does not matter")
    func unknown() {
        let home = NATProfile(told: NATPreset.portRestricted.layers, address: "203.0.113.2")
        #expect(feasibility(of: NATProfile(), and: home) == .unknown)
        #expect(feasibility(of: NATProfile(), and: NATProfile(told: [], address: "203.0.113.1")) == .certain)
        var unfiltered = NATProfile(told: NATPreset.symmetricRandom.layers, address: "203.0.113.1")
        unfiltered.filtering = .unknown
        let random = NATProfile(told: NATPreset.symmetricRandom.layers, address: "203.0.113.2")
        #expect(feasibility(of: unfiltered, and: random) == .unknown)
        var unallocated = NATProfile(told: NATPreset.symmetricRandom.layers, address: "203.0.113.1")
        unallocated.estimate.allocation = .unknown
        #expect(feasibility(of: unallocated, and: home) == .unknown)
    }

    @Test("every pair of the 35 configurations is judged")
    func configurations() {
        for a in NATConfiguration.allCases {
            for b in NATConfiguration.allCases {
                let result = feasibility(
                    of: NATProfile(told: a.layers, address: "203.0.113.1"), and: NATProfile(told: b.layers, address: "203.0.113.2"))
                #expect(result != .unknown, "\(a) and \(b)")
            }
        }
    }
}
