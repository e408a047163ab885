public import BodkinCore

/// Something that goes wrong while a lab runs.
///
/// The text is `KIND:TARGET[:MORE]`. TARGET names a host, an interface (`a.eth1`) or a box. If a NAT is meant, a host or interface stands for its
/// nearest one:
///
/// | text | what it does |
/// |---|---|
/// | `reboot:a` | a's NAT forgets all mappings |
/// | `address:a:203.0.113.200` | a's NAT gets another outside address and forgets all mappings |
/// | `down:a`, `up:a` | a's own link goes down or comes back |
/// | `blackhole:a:up:2s` | nothing leaves a for 2 s (`up`), or nothing reaches it (`down`) |
/// | `loss:a:50%:500ms` | half of all packets on a's link are lost, both ways, for 500 ms |
/// | `break:a:ipv4`, `mend:a:ipv4` | a's own link loses all IPv4, both ways and silently, or carries it again; `ipv6` likewise |
/// | `rst:a` | the next TCP segment on a's NAT's uplink is replaced by RSTs to both ends; `rst:a:203.0.113.5:4000`: the next one to or from there |
public enum Fault: Sendable, Hashable {
    /// A NAT forgets all mappings.
    case reboot(String)
    /// A NAT gets another outside address and forgets all mappings.
    case addressChange(String, IPAddress)
    /// A link goes down (false) or comes up (true).
    case link(String, isUp: Bool)
    /// One direction of a link loses everything for a time.
    case blackhole(String, isUpward: Bool, Duration)
    /// Both directions of a link lose packets with a probability for a time.
    case loss(String, Double, Duration)
    /// Both directions of a link lose every packet of a family (false), or carry them again (true).
    case family(String, IPAddress.Family, isCarried: Bool)
    /// The next TCP segment on an uplink is replaced by RSTs to both ends: of any connection, or of one with this remote endpoint.
    case reset(String, remote: Endpoint? = nil)

    /// Parses the text form; nil for anything else.
    public init?(_ text: String) {
        let words = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard words.count >= 2, !words[1].isEmpty else { return nil }
        let more = words.count == 3 ? words[2].split(separator: ":", omittingEmptySubsequences: false).map(String.init) : []
        let target = words[1]
        switch (words[0], more.count) {
        case ("reboot", 0): self = .reboot(target)
        case ("down", 0): self = .link(target, isUp: false)
        case ("up", 0): self = .link(target, isUp: true)
        case ("rst", 0): self = .reset(target)
        case ("rst", _):
            guard let remote = Endpoint(words[2]) else { return nil }
            self = .reset(target, remote: remote)
        case ("address", 1...):
            guard let address = IPAddress(words[2]), address.family == .v4 else { return nil }
            self = .addressChange(target, address)
        case ("blackhole", 2):
            guard ["up", "down"].contains(more[0]), let time = Duration(text: more[1]) else { return nil }
            self = .blackhole(target, isUpward: more[0] == "up", time)
        case ("loss", 2):
            guard let probability = Double(probability: more[0]), let time = Duration(text: more[1]) else { return nil }
            self = .loss(target, probability, time)
        case ("break", 1), ("mend", 1):
            guard let family = IPAddress.Family(text: more[0]) else { return nil }
            self = .family(target, family, isCarried: words[0] == "mend")
        default: return nil
        }
    }

    /// The name of the host, interface or box that it hits.
    public var target: String {
        switch self {
        case .reboot(let name), .addressChange(let name, _), .link(let name, _), .blackhole(let name, _, _), .loss(let name, _, _),
            .family(let name, _, _), .reset(let name, _):
            name
        }
    }

    /// In words.
    public var summary: String {
        switch self {
        case .reboot: "reboots: all mappings are gone"
        case .addressChange(_, let address): "has outside address \(address) now: all mappings are gone"
        case .link(_, let isUp): isUp ? "link up" : "link down"
        case .blackhole(_, let isUpward, let time): "blackhole \(isUpward ? "up" : "down") for \(time)"
        case .loss(_, let probability, let time): "loses \(Int(probability * 100)) % for \(time)"
        case .family(_, let family, let isCarried):
            "\(isCarried ? "carries" : "loses") all \(family == .v4 ? "IPv4" : "IPv6")\(isCarried ? " again" : "")"
        case .reset(_, let remote): "will inject RST\(remote.map { " into what goes to \($0), or comes from there" } ?? "")"
        }
    }
}

extension IPAddress.Family {
    /// Parses `ipv4` or `ipv6`; nil for anything else.
    init?(text: String) {
        switch text {
        case "ipv4": self = .v4
        case "ipv6": self = .v6
        default: return nil
        }
    }
}

extension Duration {
    /// Parses `25ms`, `1.5s`, `200us`, `2m`; nil for anything else, and for what is negative or longer than a day.
    package init?(text: String) {
        let units: [(String, Double)] = [("ms", 1e-3), ("us", 1e-6), ("s", 1), ("m", 60)]
        guard let (suffix, factor) = units.first(where: { text.hasSuffix($0.0) }), let value = Double(text.dropLast(suffix.count)),
            value >= 0, value * factor <= 86_400
        else { return nil }
        self = .nanoseconds(Int64((value * factor * 1e9).rounded()))
    }
}

extension Double {
    /// Parses `2%` or `0.02` as a probability; nil for anything else.
    package init?(probability text: String) {
        let isPercent = text.hasSuffix("%")
        guard let value = Double(isPercent ? String(text.dropLast()) : text), (0...(isPercent ? 100 : 1)).contains(value) else { return nil }
        self = isPercent ? value / 100 : value
    }
}
