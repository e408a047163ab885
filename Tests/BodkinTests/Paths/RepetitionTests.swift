import BodkinCore
import Testing

@testable import Bodkin

@Suite("SYNs between the same endpoints")
struct RepetitionTests {
    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let shots: Int
        var round: Int?
        let isOwn: Bool
        let isRepeated: Bool

        static let all = [
            Case(testDescription: "the only SYN of the local peer", shots: 1, isOwn: true, isRepeated: false),
            Case(testDescription: "the second one", shots: 2, isOwn: true, isRepeated: true),
            Case(testDescription: "a SYN of the remote peer", shots: 0, isOwn: false, isRepeated: false),
            Case(testDescription: "a SYN of the remote peer after one of the local peer", shots: 1, isOwn: false, isRepeated: true),
            Case(testDescription: "a search, whose SYNs go to other ports", shots: 500, round: 1, isOwn: true, isRepeated: false),
        ]
    }

    @Test("are repeated where one was under way before", arguments: Case.all)
    func repeated(_ test: Case) throws {
        let (remote, other) = (Endpoint(IPAddress(v4: 0xCB00_710D), 1_000), Endpoint(IPAddress(v4: 0xCB00_710D), 1_001))
        var report = ConnectionReport(peer: try #require(PeerID(publicKey: [UInt8](repeating: 1, count: 32))))
        for endpoint in [remote, other] {
            var attempt = ConnectionReport.Attempt(route: .direct, remote: endpoint, candidate: .serverReflexive, start: .zero)
            (attempt.shots, attempt.round) = (endpoint == remote ? test.shots : 9, test.round)
            report.attempts.append(attempt)
        }
        #expect(report.hasRepeated(remote, isOwn: test.isOwn) == test.isRepeated)
    }
}
