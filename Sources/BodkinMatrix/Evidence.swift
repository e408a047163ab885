import BodkinCore
import BodkinExercise
import BodkinNATLab
import FoundationEssentials

/// What came of all dials.
struct Evidence: Codable, Sendable {
    /// One dial.
    struct Dial: Codable, Sendable {
        var cell: String
        var seed: UInt64
        var loss: Double
        var expected: String
        var route: String?
        var farByteMilliseconds: Double?
        var echoMilliseconds: Double?
        var directMilliseconds: Double?
        var packets: Int
        var shots: Int
        var report: String?
        var failure: String?
        /// Why it is relayed, where it is.
        var verdict: String?
        /// Whether the reason is another than the cell's, or there was a search where none makes sense.
        var isUnreasoned: Bool?

        init(_ cell: PeerCell, _ seed: UInt64, _ loss: Double, _ exercise: PeerExercise) {
            self.cell = cell.name
            self.seed = seed
            self.loss = loss
            expected = cell.route.rawValue
            route = exercise.route?.rawValue
            farByteMilliseconds = exercise.farByte?.milliseconds
            echoMilliseconds = exercise.echo?.milliseconds
            directMilliseconds = exercise.report?.timeToDirect?.milliseconds
            packets = exercise.cost.sent
            shots = exercise.report?.attempts.reduce(0) { $0 + $1.shots } ?? 0
            failure = exercise.failure
            verdict = exercise.report?.verdict?.rawValue
            if loss == 0, route == expected, let own = exercise.report, !cell.isMet(by: own) { isUnreasoned = true }
            if route != expected || isUnreasoned == true { report = exercise.report.map { "\($0)" } }
        }

        /// Whether the route is the cell's, and the reason where the cell has one. With loss, a circuit in place of a direct path counts as late, not as wrong.
        var isAsExpected: Bool { failure == nil && isUnreasoned != true && (route == expected || loss > 0 && route != nil) }
        /// Whether the direct path came within 3 s.
        var isInTime: Bool { route == Route.direct.rawValue && (directMilliseconds ?? .infinity) <= 3000 }

        var line: String {
            func time(_ value: Double?) -> String { value.map { "\(Figures.rounded($0)) ms" } ?? "-" }
            return "\(cell), seed \(seed), loss \(loss): \(route ?? "none"), far byte \(time(farByteMilliseconds)), echo \(time(echoMilliseconds)), "
                + "direct \(time(directMilliseconds)), \(packets) packets\(failure.map { ", \($0)" } ?? "")\(report.map { "\n\($0)" } ?? "")"
        }
    }

    var kernel: String
    var seed: UInt64
    var speed: [Figures] = []
    var dials: [Dial] = []
    /// What came of the pairs of networks that arithmetic judges.
    var pairs: PairEvidence?

    init(kernel: String, seed: UInt64) {
        self.kernel = kernel
        self.seed = seed
    }

    var clean: [Dial] { dials.filter { $0.loss == 0 } }
    var lossy: [Dial] { dials.filter { $0.loss > 0 } }

    /// What the matrix must not show: without loss another route than the cell's; with loss no connection, or less than 99 % direct within 3 s; times
    /// above what is asked.
    var failures: [String] {
        var result = dials.filter { !$0.isAsExpected }.map(\.line) + speed.filter { !$0.isMet }.map(\.line)
        let direct = lossy.filter { $0.expected == Route.direct.rawValue }
        if !direct.isEmpty, Double(direct.count(where: \.isInTime)) < 0.99 * Double(direct.count) {
            result.append("with loss only \(direct.count(where: \.isInTime)) of \(direct.count) dials were direct within 3 s")
        }
        return result + (pairs?.findings.map(\.line) ?? [])
    }

    var summary: String {
        let direct = lossy.filter { $0.expected == Route.direct.rawValue }
        var lines = ["without loss: \(clean.count) dials, \(clean.count { !$0.isAsExpected }) unexpected"]
        if !lossy.isEmpty {
            // Rounded down: 98.99 is not 99.
            let share = (Double(direct.count(where: \.isInTime)) / Double(max(direct.count, 1)) * 10_000).rounded(.down) / 100
            lines.append(
                "with 2 % loss on every link: \(lossy.count) dials, \(lossy.count { $0.route == nil }) without a connection; \(share) % of \(direct.count) that can be direct "
                    + "were within 3 s")
        }
        return lines.joined(separator: "\n")
    }

    /// What an earlier run has written.
    init(json: String) throws { self = try JSONDecoder().decode(Evidence.self, from: Data(json.utf8)) }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return ((try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "") + "\n"
    }
}
