package import BodkinProtocols

/// Hostile bytes for a rendezvous server and its peers: random messages, changed ones and garbage, through framing, cards and the broker.
///
/// Whatever comes in, nothing may trap, no forged card may be believed, no bound may be exceeded, and what was read must be written as it was read.
/// ```swift
/// print(RendezvousFuzzer.run(count: 100_000, seed: 1))
/// ```
/// Everything follows from the seed. A trap ends the process, as it should.
package enum RendezvousFuzzer {
    /// What happened in a run; each number but ``violationCount`` must be large, or the run has shown nothing.
    package struct Counts: Sendable, Hashable, CustomStringConvertible {
        /// Byte strings made.
        package var made = 0
        /// Those that were changed after they had been made.
        package var mutated = 0
        /// Those that are random.
        package var garbage = 0
        /// Messages that were read.
        package var read = 0
        /// Byte strings that were refused, by reason.
        package var refused: [EnvelopeFraming.Failure: Int] = [:]
        /// Cards that were believed.
        package var cards = 0
        /// Cards that were refused, by reason.
        package var refusedCards: [Card.Refusal: Int] = [:]
        /// Candidates of believed cards that a filter let through.
        package var candidates = 0
        /// What a broker did because of the messages.
        package var actions = 0
        /// Connections that a broker ended.
        package var endings = 0
        /// URLs that were read.
        package var urls = 0
        /// Things that must never happen and did.
        package var violationCount = 0
        /// The first of them, with the number of the byte string.
        package var violations: [String] = []

        /// All counts on a few lines.
        package var description: String {
            let reasons = refused.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
            let cardReasons = refusedCards.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", ")
            return """
                made \(made), mutated \(mutated), garbage \(garbage), read \(read), refused: \(reasons)
                cards \(cards), refused: \(cardReasons); candidates \(candidates); actions \(actions), endings \(endings); URLs \(urls)
                violations \(violationCount)\(violations.map { "\n  " + $0 }.joined())
                """
        }
    }

    /// Makes `count` byte strings from `seed` and sends each through everything.
    package static func run(count: Int, seed: UInt64) -> Counts {
        var run = Run(FuzzedMessages(seed: seed))
        for _ in 0..<max(count, 0) { run.step() }
        return run.counts
    }
}
