public import BodkinCore

/// The mapping of one local port, as several STUN endpoints see it (RFC 5780 section 4.3).
public struct MappingProfile: Hashable, Sendable {
    /// The answer of one STUN endpoint.
    public struct Sample: Hashable, Sendable {
        /// The STUN endpoint.
        public var server: Endpoint
        /// The local port as it sees it; nil without an answer.
        public var mapped: Endpoint?

        /// A sample from its parts.
        package init(server: Endpoint, mapped: Endpoint?) {
            self.server = server
            self.mapped = mapped
        }
    }

    /// The kinds of mapping.
    public enum Kind: String, Hashable, Sendable {
        /// No STUN endpoint answered.
        case blocked
        /// No NAT: the server sees the local endpoint.
        case none
        /// Every destination sees the same mapping, so a remote peer sees what the server sees.
        case endpointIndependent = "endpoint-independent"
        /// Each destination sees a different mapping.
        case endpointDependent = "endpoint-dependent"
        /// Only one answer came, which does not tell.
        case unknown
    }

    /// The address family.
    public var family: IPAddress.Family
    /// The local endpoint; nil if no request was sent.
    public var local: Endpoint?
    /// The answers, in the order of the requests.
    public var samples: [Sample]

    /// A profile from its parts.
    package init(family: IPAddress.Family, local: Endpoint?, samples: [Sample]) {
        self.family = family
        self.local = local
        self.samples = samples
    }

    /// The distinct mapped endpoints, in order.
    public var mapped: [Endpoint] {
        samples.compactMap(\.mapped).reduce(into: []) { list, endpoint in if !list.contains(endpoint) { list.append(endpoint) } }
    }

    /// The kind of the mapping.
    public var kind: Kind {
        let answers = samples.compactMap(\.mapped)
        guard let first = answers.first else { return .blocked }
        if mapped.count > 1 { return .endpointDependent }
        if first == local { return .none }
        return answers.count > 1 ? .endpointIndependent : .unknown
    }

    /// Whether every destination sees the local port number; nil without an answer.
    public var preservesPort: Bool? {
        guard let local, !mapped.isEmpty else { return nil }
        return mapped.allSatisfy { $0.port == local.port }
    }
}
