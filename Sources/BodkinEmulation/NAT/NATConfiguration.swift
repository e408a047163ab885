/// One of p2pd's 35 NATs, by a name such as `symmetric/independent`: how it maps and filters, and how it allocates ports.
///
/// ```swift
/// if let configuration = NATConfiguration(rawValue: "symmetric/dependent") { print(configuration.layers.count) }
/// ```
public struct NATConfiguration: Sendable, Hashable, RawRepresentable, CaseIterable, CustomStringConvertible {
    /// How it maps and filters.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A public address and nothing in the way.
        case open
        /// A public address behind a stateful firewall.
        case udpFirewall = "udp-firewall"
        /// EIM, EIF.
        case fullCone = "full-cone"
        /// EIM, ADF.
        case restricted
        /// EIM, APDF.
        case portRestricted = "port-restricted"
        /// APDM, APDF.
        case symmetric
        /// EIM, of TCP only the answers to connections from inside, no UDP.
        case blocked
    }

    /// How it allocates ports.
    public enum Delta: String, Sendable, Hashable, CaseIterable {
        /// The local port.
        case equal
        /// The local port plus a constant.
        case preserving
        /// The last port given plus one, whatever the local port.
        case independent
        /// The last port given plus one for successive local ports, any other one else.
        case dependent
        /// Any.
        case random
    }

    /// How it maps and filters.
    public var kind: Kind
    /// How it allocates ports; without meaning where nothing is translated.
    public var delta: Delta

    /// A configuration from its two halves.
    public init(_ kind: Kind, _ delta: Delta) {
        self.kind = kind
        self.delta = delta
    }

    /// Parses `kind/delta`; nil for anything else.
    public init?(rawValue: String) {
        let parts = rawValue.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let kind = Kind(rawValue: parts[0]), let delta = Delta(rawValue: parts[1]) else { return nil }
        self.init(kind, delta)
    }

    /// `kind/delta`.
    public var rawValue: String { "\(kind.rawValue)/\(delta.rawValue)" }
    /// The same.
    public var description: String { rawValue }

    /// All 35, by kind and then by delta. The five of `open`, and the five of `udp-firewall`, are one network each.
    public static var allCases: [NATConfiguration] {
        Kind.allCases.flatMap { kind in Delta.allCases.map { NATConfiguration(kind, $0) } }
    }

    /// Whether the two are one network under two names.
    package func isIndistinguishable(from other: NATConfiguration) -> Bool { layers == other.layers }

    /// The boxes between a host and the Internet; none for `open`.
    public var layers: [NATParameters] {
        var box = NATParameters()
        for path in [\NATParameters.tcp, \.udp] {
            box[keyPath: path].allocation = allocation
            switch kind {
            case .open, .portRestricted, .blocked, .udpFirewall: break
            case .fullCone: box[keyPath: path].filtering = .endpointIndependent
            case .restricted: box[keyPath: path].filtering = .addressDependent
            case .symmetric: box[keyPath: path].mapping = .addressAndPortDependent
            }
        }
        switch kind {
        case .open: return []
        case .udpFirewall: return NATPreset.firewall.layers
        case .blocked:
            box.acceptsSimultaneousOpen = false
            box.udp.allowedPorts = []
            return [box]
        case .fullCone, .restricted, .portRestricted, .symmetric: return [box]
        }
    }

    private var allocation: PortAllocation {
        switch delta {
        case .equal: .equal
        case .preserving: .preserving
        case .independent: .sequential(delta: 1)
        case .dependent: .dependent(delta: 1)
        case .random: .random
        }
    }
}
