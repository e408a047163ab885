import BodkinCore
package import BodkinProtocols
import NIOCore

/// Drives the STUN codec, framer and responder with random messages, changed ones and garbage, and checks what must always hold.
///
/// ```swift
/// print(STUNFuzzer.run(count: 100_000, seed: 1))
/// ```
///
/// Everything follows from the seed. A trap ends the process, as it should.
package enum STUNFuzzer {
    /// What happened in a run; each number but ``violationCount`` must be large, or the run has shown nothing.
    package struct Counts: Sendable, Hashable, CustomStringConvertible {
        /// Byte strings made.
        package var made = 0
        /// Those that were changed after they had been made.
        package var mutated = 0
        /// Those that are random behind a good header.
        package var garbage = 0
        /// Those that were read as a message.
        package var parsed = 0
        /// Those that were refused, by reason.
        package var refused: [STUNError.Code: Int] = [:]
        /// Values of attributes that were read.
        package var values = 0
        /// Values of attributes that were malformed.
        package var malformed = 0
        /// Responses, by error code; 0 for success.
        package var answers: [Int: Int] = [:]
        /// Requests that authenticated a user name.
        package var proved = 0
        /// Messages that came out of a stream cut at random.
        package var framed = 0
        /// Things that must never happen and did.
        package var violationCount = 0
        /// The first of them, with the number of the message and its bytes.
        package var violations: [String] = []

        /// All counts on a few lines.
        package var description: String {
            let reasons = STUNError.Code.allCases.map { "\($0.rawValue) \(refused[$0] ?? 0)" }.joined(separator: ", ")
            let codes = answers.sorted { $0.key < $1.key }.map { "\($0.key == 0 ? "success" : "\($0.key)") \($0.value)" }.joined(separator: ", ")
            return """
                made \(made), mutated \(mutated), garbage \(garbage), parsed \(parsed), refused: \(reasons)
                values \(values), malformed \(malformed); answers: \(codes); proved \(proved); framed \(framed)
                violations \(violationCount)\(violations.map { "\n  " + $0 }.joined())
                """
        }
    }

    /// Makes `count` byte strings from `seed` and sends each through everything.
    package static func run(count: Int, seed: UInt64) -> Counts {
        var run = Run(random: Generator(seed: seed))
        for _ in 0..<max(count, 0) { run.step() }
        return run.counts
    }

    /// Draws what the messages are made of.
    struct Generator: RandomNumberGenerator {
        private var random: SplitMix64

        init(seed: UInt64) { random = SplitMix64(state: seed) }

        mutating func next() -> UInt64 { random.next() }

        /// True once in `count` times.
        mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
        /// Random bytes, of a number in `range`.
        mutating func bytes(_ range: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: range, using: &self)).map { _ in UInt8.random(in: .min ... .max, using: &self) }
        }
    }
}
