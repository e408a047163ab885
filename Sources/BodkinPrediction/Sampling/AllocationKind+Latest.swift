import BodkinCore

extension AllocationKind {
    /// The sample that a sequential NAT has mapped last: of the last batch, the one that is furthest along the sequence. Nil without samples.
    package func latest(of samples: [AllocationSample]) -> AllocationSample? {
        let events = AllocationEvents(samples)
        guard let last = CountedOrder(events, direction: (delta ?? 1) < 0 ? -1 : 1).events.last else { return nil }
        guard delta != nil, case .sequential = self else { return samples.max { $0.sent < $1.sent } }
        return samples.last { Int($0.external.port) == last.port && Int($0.localPort) == last.localPort }
    }
}
