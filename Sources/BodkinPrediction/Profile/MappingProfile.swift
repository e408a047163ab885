public import BodkinCore

/// How a NAT maps one local port, as several STUN endpoints see it (RFC 5780 section 4.3).
public struct MappingProfile: Hashable, Sendable {
    /// What one STUN endpoint saw.
    public struct Sample: Hashable, Sendable {
        /// Who was asked.
        public var server: Endpoint
        /// What it saw; nil where no answer came.
        public var mapped: Endpoint?

        /// A sample from its parts.
        public init(server: Endpoint, mapped: Endpoint?) {
            self.server = server
            self.mapped = mapped
        }
    }

    /// What the mapping depends on.
    public enum Kind: String, Hashable, Sendable {
        /// No STUN endpoint answered.
        case blocked
        /// The local endpoint is the public one.
        case none
        /// The same for every destination: what the server sees is what a peer will see.
        case endpointIndependent = "endpoint-independent"
        /// Another one for each destination.
        case endpointDependent = "endpoint-dependent"
        /// One answer alone does not tell.
        case unknown
    }

    /// The address family.
    public var family: IPAddress.Family
    /// The local endpoint that asked; nil where there was none.
    public var local: Endpoint?
    /// The answers, in the order in which they were asked for.
    public var samples: [Sample]

    /// A profile from its parts.
    public init(family: IPAddress.Family, local: Endpoint?, samples: [Sample]) {
        self.family = family
        self.local = local
        self.samples = samples
    }

    /// The distinct endpoints that were seen, in order.
    public var mapped: [Endpoint] {
        samples.compactMap(\.mapped).reduce(into: []) { list, endpoint in if !list.contains(endpoint) { list.append(endpoint) } }
    }

    /// What the mapping depends on.
    public var kind: Kind {
        let answers = samples.compactMap(\.mapped)
        guard let first = answers.first else { return .blocked }
        if mapped.count > 1 { return .endpointDependent }
        if first == local { return .none }
        return answers.count > 1 ? .endpointIndependent : .unknown
    }

    /// Whether the outside port is the local one, everywhere; nil where nothing is known.
    public var preservesPort: Bool? {
        guard let local, !mapped.isEmpty else { return nil }
        return mapped.allSatisfy { $0.port == local.port }
    }
}
