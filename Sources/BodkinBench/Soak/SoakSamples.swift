import FoundationEssentials
import Glibc
import Synchronization

/// Resident memory and open descriptors of this process over time.
final class SoakSamples: Sendable {
    /// What the process has at a moment.
    struct Sample {
        let elapsed: Duration
        /// MiB.
        let resident: Double
        let descriptors: Int
    }

    static let interval = Duration.seconds(5)
    /// Every so many samples are a line of the table.
    private static let linesEvery = 6

    private let start = ContinuousClock.now
    private let samples = Mutex<[Sample]>([])

    var now: Sample {
        let figures = ProcessFigures(of: getpid())
        return Sample(elapsed: .now - start, resident: Double(figures.resident) / 1_048_576, descriptors: figures.descriptors)
    }

    /// How many descriptors of each kind there are, as /proc names them.
    static var kinds: [String: Int] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        let places = numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
        return Dictionary(grouping: places) { String($0.prefix { !$0.isNumber }) }.mapValues(\.count)
    }

    /// Takes a sample every five seconds until it is cancelled, and prints some with what has happened until then.
    func run(_ tally: SoakTally) async {
        for number in 1... {
            do { try await Task.sleep(until: start + Self.interval * number) } catch { return }
            let sample = now
            samples.withLock { $0.append(sample) }
            guard number % Self.linesEvery == 0 else { continue }
            let counts = tally.counts
            print(
                "  \(Rounds.text(sample.elapsed / .seconds(1), 0)) s: \(Rounds.text(sample.resident, 1)) MiB resident, \(sample.descriptors) descriptors;",
                "\(counts.connects) connects, \(counts.deaths) deaths of paths, \(counts.closes) closes, \(counts.bytes >> 20) MiB echoed")
            fflush(nil)
        }
    }

    /// The median of resident memory between two fractions of the time, in MiB.
    func resident(from: Double, to: Double) -> Double {
        let all = samples.withLock { $0 }
        var part = Rounds()
        for sample in all[Int(Double(all.count) * from)..<Int(Double(all.count) * to)] { part.append(sample.resident) }
        return part.median
    }
}
