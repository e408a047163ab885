import BodkinCore

/// New mappings, one for each, in the order in which their SYNs were sent.
struct AllocationEvents: Sendable {
    struct Event: Sendable {
        let localPort: Int
        let port: Int
        /// Seconds.
        let sent: Double
        let answered: Double
        /// The NAT has seen all of a batch before any of the next one.
        let batch: Int
    }

    /// So many are used; the oldest are left out.
    static let limit = 64
    /// An answer after this time may be one to a repeated SYN, which is first repeated after a second (RFC 6298 section 2): when it was mapped is not known.
    static let patience = 0.9

    let events: [Event]
    /// The share of neighbours within batches whose answers came in the other order: 0 where order is kept, a half where it means nothing.
    let disorder: Double

    init(_ samples: [AllocationSample]) {
        var seen: Set<Mapping> = []
        let ordered = samples.suffix(Self.limit).enumerated().sorted { ($0.element.sent, $0.offset) < ($1.element.sent, $1.offset) }
        var events: [Event] = []
        var batch = 0
        var latestAnswer = -Double.infinity
        for (_, sample) in ordered where seen.insert(Mapping(local: sample.localPort, external: sample.external)).inserted {
            let sent = sample.sent.milliseconds / 1000
            let answered = max(sent, sample.answered.milliseconds / 1000)
            guard answered - sent < Self.patience else { continue }
            if !events.isEmpty && sent >= latestAnswer { batch += 1 }
            latestAnswer = max(latestAnswer, answered)
            events.append(Event(localPort: Int(sample.localPort), port: Int(sample.external.port), sent: sent, answered: answered, batch: batch))
        }
        self.events = events
        let neighbours = zip(events, events.dropFirst()).filter { $0.batch == $1.batch }
        disorder = neighbours.isEmpty ? 0 : Double(neighbours.count { $1.answered < $0.answered }) / Double(neighbours.count)
    }

    /// The batches, each in its order of sending.
    var batches: [ArraySlice<Event>] {
        guard let last = events.last else { return [] }
        return (0...last.batch).map { batch in events.filter { $0.batch == batch }[...] }
    }

    /// SYNs that are sent this far apart, in seconds, do not overtake each other on the way to a NAT nearby.
    static let apart = 0.0015

    /// The probability that another subscriber's SYN, or the end of the range, comes between two.
    static let leastDoubt = 0.04

    /// The probability that of two of one batch, sent one after the other, the NAT has not seen the first right before the second.
    ///
    /// Where the answers came in another order, or others in between, the SYNs may have arrived like that too; where they were sent apart, it is the longer way from
    /// the NAT to the server that has changed the order.
    func doubt(_ first: Event, _ second: Event) -> Double {
        let isOvertaken =
            second.answered < first.answered
            || events.contains { $0.batch == first.batch && first.answered < $0.answered && $0.answered < second.answered }
        if second.sent - first.sent >= Self.apart { return isOvertaken ? 0.25 : Self.leastDoubt }
        return isOvertaken ? 0.9 : Self.leastDoubt + disorder / 2
    }

    private struct Mapping: Hashable {
        let local: UInt16
        let external: Endpoint
    }
}
