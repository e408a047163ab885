import BodkinCore

/// The verdicts of a report's entries.
extension ConnectionReport {
    /// Whether an entry may have this verdict: of one that has carried the connection only a failure is worth saying.
    func allows(_ verdict: Attempt.Verdict, for entry: Int) -> Bool {
        attempts.indices.contains(entry) && (attempts[entry].verdict != .succeeded || verdict == .failed)
    }

    /// Sets what has become of an entry so far; a later one may change it.
    mutating func judge(_ entry: Int, _ verdict: Attempt.Verdict, _ detail: String = "", since start: Instant, at now: Instant) {
        guard attempts.indices.contains(entry) else { return }
        attempts[entry].verdict = verdict
        if !detail.isEmpty { attempts[entry].detail = detail }
        attempts[entry].duration = now - start - attempts[entry].start
    }
}
