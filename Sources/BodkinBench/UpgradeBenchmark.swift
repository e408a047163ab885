import BodkinExercise
import BodkinNATLab

/// The pause that the far application sees when a connection at full speed moves from the circuit to the direct path.
enum UpgradeBenchmark {
    private static let delay = Duration.milliseconds(25)
    /// Two round trips between the peers, and 10 ms.
    private static let target = delay * 4 + .milliseconds(10)

    static func run(count: Int = 30) async throws -> Bool {
        print("upgrade during a transfer at full speed over 100 Mbit/s, d = 25 ms, \(count) times")
        var pauses: [Duration] = []
        var isWhole = true
        for index in 0..<count {
            let link = LinkParameters(delay: delay, rate: 100_000_000)
            let result = try await Upgrade.run(.pair(.portRestricted, .portRestricted, link: link, seed: UInt64(index)))
            pauses.append(result.longestPause)
            isWhole = isWhole && result.isWhole && result.movedAfter != nil
        }
        pauses.sort()
        func text(_ duration: Duration) -> String { "\((duration / .milliseconds(1) * 10).rounded() / 10) ms" }
        print(
            "  longest pause at the receiver: p50 \(text(pauses[pauses.count / 2])), longest \(text(pauses[pauses.count - 1])) (at most \(text(target)) asked);",
            isWhole ? "content identical" : "content NOT identical, or no move")
        return isWhole && pauses[pauses.count - 1] <= target
    }
}
