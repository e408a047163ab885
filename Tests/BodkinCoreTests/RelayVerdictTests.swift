import Testing

@testable import BodkinCore

@Suite struct RelayVerdictTests {
    typealias Verdict = ConnectionReport.Attempt.Verdict

    private static func report(_ attempts: [(verdict: Verdict, shots: Int)]) throws -> ConnectionReport {
        var report = ConnectionReport(peer: try #require(PeerID(publicKey: [UInt8](repeating: 7, count: 32))))
        report.attempts = [ConnectionReport.Attempt(route: .circuit, start: .zero)]
        for attempt in attempts {
            var entry = ConnectionReport.Attempt(route: .direct, remote: Endpoint("198.51.100.7:4000"), candidate: .host, start: .zero)
            entry.verdict = attempt.verdict
            entry.shots = attempt.shots
            report.attempts.append(entry)
        }
        return report
    }

    @Test(
        arguments: [
            ([], true, true, .unseenThere), ([(.silent, 9)], false, true, .notWanted), ([(.silent, 9), (.forbidden, 0)], true, true, .silent),
            ([(.silent, 9)], true, false, .unseenHere), ([(.refused, 12), (.silent, 9)], true, true, .silent),
            ([(.refused, 21)], true, true, .refused),
            ([(.forbidden, 0), (.failed, 0)], true, true, .forbidden), ([(.failed, 0)], true, true, .noCommonFamily),
            ([(.impostor, 2), (.refused, 3)], true, true, .impostor), ([(.failed, 3)], true, true, .failed),
            ([(.succeeded, 1)], true, true, .unsteady),
        ] as [([(Verdict, Int)], Bool, Bool, RelayVerdict)])
    func everyOutcomeHasItsReason(attempts: [(Verdict, Int)], isWanted: Bool, isSeen: Bool, expected: RelayVerdict) throws {
        #expect(RelayVerdict(try Self.report(attempts), isWanted: isWanted, isSeen: isSeen) == expected)
    }

    @Test func everyVerdictSaysWhatItMeansAndWhatHelps() {
        for verdict in RelayVerdict.allCases {
            for sentence in [verdict.meaning, verdict.advice] {
                #expect(sentence.count > 20 && sentence.hasSuffix(".") && sentence.first?.isUppercase == true)
                #expect(!sentence.contains("--") && !sentence.contains("bodkin"), "the library knows no command line: \(sentence)")
            }
            #expect(verdict.rawValue.allSatisfy { $0.isLowercase || $0 == "-" })
        }
    }
}
