import BodkinCore
import BodkinPrediction

/// The background examination of the network: no dial waits for it, and each network has one.
///
/// ```
///        registered            the delay is over, nobody dials           examined
///  idle ───────────▶ waiting ────────────────────────────────▶ running ───────────▶ idle, known
///                      ▲                                          │ a dial
///                      └──────────────────────────────────────────┘
/// ```
extension NATModel {
    /// So many connections an examination takes, of a subscriber's block of ports.
    static let examinationCost = 32

    /// A network that is known from before is not examined again.
    mutating func examineWhenQuiet(_ attachment: Attachment, at now: Instant) {
        guard let delay = configuration.examinationDelay, networkProfile == nil else { return }
        if case .running = examination { return }
        if let address = attachment.observed?.address, let known = networkProfiles.finding(by: attachment.routes, seenAs: address) {
            examination = .idle
            return publish(known)
        }
        if examination == .idle { examination = .waiting(until: now + delay) }
    }

    mutating func postponeExamination(at now: Instant) {
        guard let delay = configuration.examinationDelay, examination != .idle else { return }
        endExamination()
        examination = .waiting(until: now + delay)
    }

    mutating func examineIfDue(at now: Instant) {
        guard case .waiting(let time) = examination, now >= time else { return }
        let number = nextNumber()
        examination = .running(number)
        actions.append(.examine(number))
    }

    mutating func examined(_ number: UInt64, _ profile: NetworkProfile, _ attachment: Attachment) {
        guard examination == .running(number) else { return }
        examination = .idle
        if let address = attachment.observed?.address { networkProfiles.note(profile, by: attachment.routes, seenAs: [address]) }
        if let allocation = profile.allocation(.v4) { learn(closer: allocation, attachment) }
        publish(profile)
    }

    mutating func endExamination() {
        if case .running = examination { actions.append(.cancelExamination) }
        examination = .idle
    }

    private mutating func publish(_ profile: NetworkProfile) {
        networkProfile = profile
        actions.append(.publish(profile))
    }
}
