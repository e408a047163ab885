/// The boxes in front of a host, by the name that the command line uses: a preset, or one of p2pd's configurations.
///
/// ```swift
/// if let network = AccessNetwork(rawValue: "symmetric/dependent") { print(network, network.layers.count) }
/// ```
public enum AccessNetwork: Sendable, Hashable, RawRepresentable, CaseIterable, CustomStringConvertible {
    /// One of the lab's own.
    case preset(NATPreset)
    /// One of p2pd's 35.
    case configuration(NATConfiguration)

    /// The network of that name, such as `cgn` or `symmetric/random`; nil for anything else.
    public init?(rawValue: String) {
        if let preset = NATPreset(rawValue: rawValue) {
            self = .preset(preset)
        } else if let configuration = NATConfiguration(rawValue: rawValue) {
            self = .configuration(configuration)
        } else {
            return nil
        }
    }

    /// The name.
    public var rawValue: String {
        switch self {
        case .preset(let preset): preset.rawValue
        case .configuration(let configuration): configuration.rawValue
        }
    }
    /// The name.
    public var description: String { rawValue }

    /// The presets, and then the configurations.
    public static var allCases: [AccessNetwork] { NATPreset.allCases.map(Self.preset) + NATConfiguration.allCases.map(Self.configuration) }

    /// The boxes between a host and the Internet, the one next to the host first; none where nothing is in the way.
    public var layers: [NATParameters] {
        switch self {
        case .preset(let preset): preset.layers
        case .configuration(let configuration): configuration.layers
        }
    }

    /// The preset that it is, by whatever name; nil for a configuration that is none.
    public var preset: NATPreset? {
        switch self {
        case .preset(let preset): preset
        case .configuration: NATPreset.allCases.first { $0.layers == layers }
        }
    }
}

extension NATConfiguration {
    /// Each network once, by the first of its names: 27.
    package static var distinct: [NATConfiguration] {
        var seen: Set<[NATParameters]> = []
        return allCases.filter { seen.insert($0.layers).inserted }
    }
}

extension NATConfiguration.Kind {
    /// One line for people.
    public var summary: String {
        switch self {
        case .open: "public address, nothing in the way"
        case .udpFirewall: "public address behind a stateful firewall"
        case .fullCone: "EIM, EIF"
        case .restricted: "EIM, ADF"
        case .portRestricted: "EIM, APDF"
        case .symmetric: "APDM, APDF"
        case .blocked: "EIM, of TCP only the answers to connections from inside, no UDP"
        }
    }
}

extension NATConfiguration.Delta {
    /// One line for people.
    public var summary: String {
        switch self {
        case .equal: "the local port"
        case .preserving: "the local port plus a constant"
        case .independent: "the last port given plus one"
        case .dependent: "the last port given plus one for successive local ports"
        case .random: "any port"
        }
    }
}
