import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab

/// One kind of dial whose time is measured.
struct SpeedTrial: Sendable {
    /// The one-way delay between any two hosts.
    static let delayMilliseconds = 25.0

    enum Start: Sendable { case warm, cold }

    let name: String
    let preset: NATPreset
    let paths: Peer.PathPolicy
    let start: Start
    /// Whether the echo's return counts rather than the far application's first byte.
    let isEcho: Bool
    let floor: Double
    let allowance: Double
    var tailAllowance: Double?

    /// Open hosts, NATs that are silent, NATs that answer RST.
    private static let presets: [NATPreset] = [.open, .portRestricted, .portRestrictedRST]

    static let all: [SpeedTrial] = presets.flatMap { preset in
        [
            SpeedTrial(
                name: "warm, direct-only, far byte", preset: preset, paths: .directOnly, start: .warm, isEcho: false, floor: 7, allowance: 15,
                tailAllowance: 60),
            SpeedTrial(name: "warm, direct-only, echo", preset: preset, paths: .directOnly, start: .warm, isEcho: true, floor: 8, allowance: 15),
            SpeedTrial(name: "warm, circuit first, far byte", preset: preset, paths: .all, start: .warm, isEcho: false, floor: 6, allowance: 10),
            SpeedTrial(name: "warm, circuit first, echo", preset: preset, paths: .all, start: .warm, isEcho: true, floor: 8, allowance: 15),
            SpeedTrial(
                name: "cold, direct-only, far byte", preset: preset, paths: .directOnly, start: .cold, isEcho: false, floor: 11, allowance: 60),
        ]
    }

    func run(count: Int, seed: UInt64, bodkin: String?) async throws -> Figures {
        var times: [Double] = []
        var costs: [NetworkCounters] = []
        var shots: [Double] = []
        var failureCount = 0
        for index in 0..<(start == .cold && bodkin == nil ? 0 : count) {
            var settings = PeerExercise.Settings()
            settings.paths = paths
            let cell = PeerCell.pairs.first { $0.name == "\(preset.rawValue) + \(preset.rawValue)" }
            guard let cell else { continue }
            let own = seed &+ UInt64(index)
            let result =
                start == .cold
                ? try await PeerExercise.runCold(cell, seed: own, settings: settings, bodkin: bodkin ?? "")
                : try await PeerExercise.run(cell, seed: own, settings: settings)
            guard let time = isEcho ? result.echo : result.farByte, result.failure == nil else {
                failureCount += 1
                print("\(name), \(preset.rawValue), seed \(own): \(result.failure ?? "no time")")
                continue
            }
            times.append(time.milliseconds)
            costs.append(result.cost)
            if let report = result.report { shots.append(Double(report.attempts.reduce(0) { $0 + $1.shots })) }
        }
        func median(_ values: [Double]) -> Double { Figures.percentile(values.sorted(), 0.5) }
        return Figures(
            name: name, pair: "\(preset.rawValue) + \(preset.rawValue)", milliseconds: times.sorted(), floor: floor, allowance: allowance,
            tailAllowance: tailAllowance, packets: median(costs.map { Double($0.sent) }), bytes: median(costs.map { Double($0.sentBytes) }),
            failureCount: failureCount, halfOpen: shots.isEmpty ? nil : median(shots))
    }
}
