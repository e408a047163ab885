import Bodkin
import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinCLI

/// What two experiments with RSTs show.
@Suite("what an RST deletes")
struct ResetProfileTests {
    private static func endpoint(_ port: UInt16) -> Endpoint { Endpoint(IPAddress(v4: 0xCB00_7101), port) }

    private static func lone(_ before: UInt16, _ after: UInt16) -> ResetProfile.Lone {
        ResetProfile.Lone(before: endpoint(before), after: endpoint(after))
    }

    private static func accompanied(_ before: UInt16, _ isAlive: Bool, _ after: UInt16?) -> ResetProfile.Accompanied {
        ResetProfile.Accompanied(before: endpoint(before), isAlive: isAlive, after: after.map(endpoint))
    }

    private static let drawing = AllocationKind.random(1024...65535)
    private static let same = [lone(5000, 5000), lone(6000, 6000)]
    private static let other = [lone(5000, 5100), lone(6000, 6100)]

    private static func judge(
        _ lone: [ResetProfile.Lone?], _ accompanied: ResetProfile.Accompanied?, _ kind: AllocationKind = drawing, _ isSteady: Bool? = true
    ) -> ResetProfile {
        let estimate = AllocationEstimate(mapping: .unknown, allocation: kind, confidence: 1, addresses: [endpoint(1).address])
        return ResetProfile(
            family: .v4, lone: lone, accompanied: accompanied, allocation: AllocationProfile(family: .v4, estimate: estimate, isSteady: isSteady))
    }

    @Test(
        "is named where nothing else explains what was seen",
        arguments: [
            (judge(same, accompanied(7000, true, 7000)), ResetLoss.nothing, Bool?.some(true), Bool?.some(true)),
            (judge(other, accompanied(7000, true, 7000)), .session, false, true),
            (judge(other, accompanied(7000, false, 7100)), .mapping, false, false),
            // The same number again, by rule and not by chance.
            (judge(same, accompanied(7000, true, 7000), .equal), .unknown, true, true),
            (judge(same, accompanied(7000, true, 7000), .preserving(shift: 3)), .unknown, true, true),
            (judge(same, accompanied(7000, true, 7000), .unknown), .unknown, true, true),
            (judge(same, accompanied(7000, false, 7000), .equal), .mapping, true, false),
            // The mapping is there: that the connection died must have another cause.
            (judge(same, accompanied(7000, false, 7000)), .unknown, true, false),
            // The same number once, by chance.
            (judge([lone(5000, 5000), lone(6000, 6100)], accompanied(7000, true, 7000)), .unknown, nil, true),
            // What came to nothing.
            (judge([nil, lone(6000, 6100)], accompanied(7000, true, 7000)), .unknown, nil, true),
            (judge(other, nil), .unknown, false, nil), (judge(same, nil), .unknown, true, nil), (judge([nil, nil], nil), .unknown, nil, nil),
            // The network may be silent altogether.
            (judge(other, accompanied(7000, false, nil)), .unknown, false, nil),
            // Another number for each destination is no loss.
            (judge(other, accompanied(7000, true, 7100), drawing, false), .unknown, nil, true),
            (judge(other, accompanied(7000, false, 7100), drawing, false), .mapping, nil, false),
        ])
    func judgement(_ profile: ResetProfile, _ loss: ResetLoss, _ keepsEndpoint: Bool?, _ sparesOthers: Bool?) {
        #expect(profile.loss == loss && profile.keepsEndpoint == keepsEndpoint && profile.sparesOthers == sparesOthers)
    }

    @Test("a loss is passed on to the oracle's profile, and that nothing shows at once is not", arguments: ResetLoss.allCases)
    func network(_ loss: ResetLoss) {
        var profile = CheckReportTests.kept
        profile.resets = [ResetProfile(family: .v4, loss: loss)]
        #expect(profile.network(.v4).resetLoss == (loss == .nothing ? .unknown : loss))
    }

    @Test(
        "is said in plain words",
        arguments: [
            (
                ResetProfile(family: .v4, keepsEndpoint: true, sparesOthers: true, loss: .nothing),
                "the NAT keeps the mapping and the port's other sessions"
            ),
            (ResetProfile(family: .v4, keepsEndpoint: true, sparesOthers: true), "the NAT keeps the mapping and the port's other sessions"),
            (ResetProfile(family: .v4, keepsEndpoint: false, sparesOthers: true, loss: .session), "with the last session of a port its mapping"),
            (
                ResetProfile(family: .v4, keepsEndpoint: false, sparesOthers: false, loss: .mapping),
                "the NAT deletes the mapping and all sessions of the port"
            ),
            (ResetProfile(family: .v4, keepsEndpoint: true, sparesOthers: false, loss: .mapping), "allocates the same external port again"),
            (ResetProfile(family: .v4, sparesOthers: true), ": the NAT keeps the port's other sessions"), (ResetProfile(family: .v4), nil),
        ])
    func words(_ reset: ResetProfile, _ sentence: String?) {
        var profile = CheckReportTests.kept
        profile.resets = [reset]
        let words = CheckReport(profile).words
        #expect(words.contains("RST from outside over IPv4: ") == (sentence != nil))
        if let sentence { #expect(words.contains(sentence), "\(words)") }
    }
}
