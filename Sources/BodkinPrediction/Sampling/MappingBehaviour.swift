import BodkinCore

/// How an internal endpoint is given an external one (RFC 4787 section 4.1, RFC 5382 section 4.1).
public enum MappingBehaviour: String, Hashable, Sendable, CaseIterable {
    /// The outside sees the host's own address and port.
    case none
    /// One mapping whatever the destination. A NAT may map each destination apart and still keep the local port every time, as Linux does. It looks the same
    /// from inside, and behaves the same.
    case endpointIndependent
    /// One mapping for each destination address.
    case addressDependent
    /// One mapping for each destination endpoint.
    case addressAndPortDependent
    /// Too little has been seen, or what has been seen contradicts itself.
    case unknown

    /// What the samples show.
    /// - Parameter localAddresses: those of the host.
    init(_ samples: [AllocationSample], localAddresses: Set<IPAddress>) {
        if !samples.isEmpty, samples.allSatisfy({ localAddresses.contains($0.external.address) && $0.external.port == $0.localPort }) {
            self = .none
            return
        }
        var byPort = Agreement()
        var byAddress = Agreement()
        for (index, first) in samples.enumerated() {
            for second in samples[(index + 1)...] where second.localPort == first.localPort && second.destination != first.destination {
                let isSame = second.external == first.external
                if second.destination.address == first.destination.address { byPort.note(isSame) } else { byAddress.note(isSame) }
            }
        }
        self =
            switch (byPort.verdict, byAddress.verdict) {
            case (nil, true), (true, true): .endpointIndependent
            case (true, false): .addressDependent
            case (false, false), (false, nil): .addressAndPortDependent
            case (false, true), (true, nil), (nil, false), (nil, nil): .unknown
            }
        if byPort.isContradictory || byAddress.isContradictory { self = .unknown }
    }
}

/// Whether pairs of samples show the same external endpoint.
private struct Agreement {
    private var same = 0
    private var different = 0

    mutating func note(_ isSame: Bool) {
        if isSame { same += 1 } else { different += 1 }
    }

    var isContradictory: Bool { same > 0 && different > 0 }
    var verdict: Bool? { same > 0 ? true : different > 0 ? false : nil }
}
