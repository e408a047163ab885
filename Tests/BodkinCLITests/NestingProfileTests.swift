import Bodkin
import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinCLI

/// What routers' answers show.
@Suite("what stands before the outside address")
struct NestingProfileTests {
    private typealias Answers = [Int: HopAnswer]

    private static let outside = IPAddress(v4: 0xCB00_7101)
    private static let home = IPAddress(v4: 0xC0A8_0101)
    private static let office = IPAddress(v4: 0x0A00_0001)
    private static let carrier = IPAddress(v4: 0x6440_0001)
    private static let provider = IPAddress(v4: 0xC633_640A)

    private static func judge(_ inwards: Answers, _ onwards: Answers, own: IPAddress = IPAddress(v4: 0xC0A8_010A)) -> NestingProfile? {
        NestingProfile(own: own, inwards: inwards, onwards: onwards)
    }

    @Test(
        "is said where the answers leave no doubt",
        arguments: [
            // One NAT; what the provider numbers its routers by beyond it does not matter.
            (judge([:], [1: .exceeded(home), 2: .exceeded(provider)]), Bool?.some(false), Int?.some(1), Bool?.some(false)),
            (judge([:], [1: .exceeded(home), 2: .exceeded(office)]), false, 1, false),
            (judge([:], [1: .exceeded(home), 2: .exceeded(carrier)]), false, 1, false),
            (judge([1: .closed(outside)], [:]), false, 1, false),
            // A carrier's, and one that may be a router.
            (judge([1: .exceeded(home)], [1: .exceeded(home), 2: .exceeded(carrier)]), true, 2, true),
            (judge([1: .exceeded(home)], [1: .exceeded(home), 2: .exceeded(office)]), true, 2, nil),
            (judge([1: .exceeded(home), 2: .exceeded(office)], [:]), true, nil, nil),
            (judge([2: .exceeded(office), 3: .closed(outside)], [:]), true, 3, nil),
            (judge([1: .exceeded(home), 2: .exceeded(carrier)], [3: .exceeded(provider)]), true, 3, true),
            // A machine of the carrier's own network: no home is behind it.
            (judge([1: .exceeded(carrier)], [2: .exceeded(carrier)], own: carrier), true, 2, nil),
            // A router that sends all from outside on to one machine.
            (judge([1: .exceeded(home)], [1: .exceeded(home), 2: .exceeded(provider)]), nil, nil, nil),
            // What does not answer tells nothing, and what a firewall says no more.
            (judge([1: .exceeded(home)], [1: .exceeded(home)]), nil, nil, nil), (judge([:], [2: .exceeded(carrier)]), nil, nil, nil),
            (judge([1: .refused(home)], [1: .exceeded(home)]), nil, nil, nil), (judge([:], [6: .answered]), nil, nil, nil),
        ])
    func judgement(_ profile: NestingProfile?, _ hasFurther: Bool?, _ outsideHop: Int?, _ isNested: Bool?) throws {
        let profile = try #require(profile)
        #expect(profile.hasFurther == hasFurther && profile.outsideHop == outsideHop && profile.isNested == isNested, "\(profile)")
    }

    @Test("nothing is said where nothing comes back, and no NAT is none")
    func nothing() {
        #expect(Self.judge([:], [:]) == nil)
        #expect(NestingProfile().natCount == 0 && NestingProfile().isNested == false)
    }

    @Test("two routers of one's own are two places to forward a port at; where the far one is a carrier's that is no use")
    func advice() {
        var profile = CheckReportTests.counting
        profile.nesting = NestingProfile(outsideHop: 1)
        #expect(profile.recommendations == [.useIPv6, .forwardPort])
        profile.nesting = NestingProfile(outsideHop: 2, hasFurther: true)
        #expect(profile.recommendations == [.useIPv6, .forwardPort, .bridgeRouter])
        profile.nesting?.passesSharedAddress = true
        #expect(profile.recommendations == [.useIPv6, .askProvider])
    }

    @Test(
        "goes into the words, the sign of a carrier, and what the oracle is told",
        arguments: [
            (
                NestingProfile(hops: [.init(1, home)], outsideHop: 1, hasFurther: false), "NATs on the path: one (the nearest router 192.168.1.1 has",
                CGNATIndicator?.none,
                Bool?.some(false)
            ),
            (
                NestingProfile(hops: [.init(1, home)], outsideHop: 2, hasFurther: true),
                "one or more (a router beyond the nearest router 192.168.1.1 has", nil, nil
            ),
            (
                NestingProfile(hops: [.init(1, home)], outsideHop: 2, hasFurther: true, passesSharedAddress: true),
                "NATs on the path: at least two (the nearest router 192.168.1.1, and a CGN)", .hopAddress, true
            ),
        ])
    func consequences(_ nesting: NestingProfile, _ sentence: String, _ sign: CGNATIndicator?, _ isNested: Bool?) {
        var profile = CheckReportTests.kept
        profile.nesting = nesting
        #expect(CheckReport(profile).words.contains(sentence), "\(CheckReport(profile).words)")
        #expect(profile.cgnatIndicator(.v4) == sign && profile.network(.v4).isNested == isNested)
    }
}
