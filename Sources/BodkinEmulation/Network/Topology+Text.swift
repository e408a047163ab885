import BodkinCore

/// Changes to a topology in text, as the command line takes them.
extension Topology {
    /// Changes links: `NAME[:up|:down],KEY=VALUE,…` with the keys `delay`, `jitter`, `loss`, `rate` (bit/s, with k, M or G), `mtu`
    /// and `broken` (`ipv4`, `ipv6` or `none`: the family that is lost silently).
    ///
    /// NAME is a host or interface, whose outermost link is meant, or a box.
    /// - Throws: ``LabError`` with code `usage`.
    package mutating func changeLink(_ text: String) throws {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let target = parts[0].split(separator: ":").map(String.init)
        let direction = target.count == 2 ? target[1] : "both"
        guard parts.count >= 2, (1...2).contains(target.count), ["up", "down", "both"].contains(direction) else {
            throw LabError(.usage, "'\(text)' changes no link. Write NAME[:up|:down],delay=25ms,jitter=5ms,loss=2%,rate=10M,mtu=1400,broken=ipv4.")
        }
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw LabError(.usage, "'\(part)' sets nothing. Write KEY=VALUE, for example delay=25ms.") }
            let change = try Self.linkChange(pair[0], pair[1])
            func both(_ up: inout LinkParameters, _ down: inout LinkParameters) {
                if direction != "down" { change(&up) }
                if direction != "up" { change(&down) }
            }
            if let box = box(target[0]) ?? boxes(above: target[0]).last {
                updateBox(box.name) { both(&$0.up, &$0.down) }
            } else if interface(target[0]) != nil {
                updateInterface(target[0]) { both(&$0.up, &$0.down) }
            } else {
                throw LabError(
                    .usage, "The lab has no \(target[0]). Choose from \((interfaces.map(\.name) + boxes.map(\.name)).joined(separator: ", ")).")
            }
        }
    }

    private static func linkChange(_ key: String, _ value: String) throws -> (inout LinkParameters) -> Void {
        switch key {
        case "delay": if let time = Duration(text: value) { return { $0.delay = time } }
        case "jitter": if let time = Duration(text: value) { return { $0.jitter = time } }
        case "loss": if let loss = Double(probability: value) { return { $0.loss = loss } }
        case "rate": if let rate = Int(rate: value) { return { $0.rate = rate } }
        case "mtu": if let mtu = Int(value) { return { $0.mtu = mtu } }
        case "broken":
            if value == "none" { return { $0.broken = [] } }
            if let family = IPAddress.Family(text: value) { return { $0.broken = [family] } }
        default: throw LabError(.usage, "A link has no setting '\(key)'. Use delay, jitter, loss, rate, mtu or broken.")
        }
        throw LabError(.usage, "'\(value)' is not a \(key). Write for example delay=25ms, jitter=5ms, loss=2%, rate=10M, mtu=1400 or broken=ipv4.")
    }

    /// Changes a box: `NAME:KEY=VALUE,…`; NAME is a box or, for its nearest box, a host or interface. See ``boxKeys``.
    /// - Throws: ``LabError`` with code `usage`.
    package mutating func changeBox(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw LabError(.usage, "'\(text)' changes no NAT. Write NAME:KEY=VALUE, for example a:hairpin=yes.") }
        guard let box = box(parts[0]) ?? boxes(above: parts[0]).first else {
            throw LabError(.usage, "\(parts[0]) is not a NAT, and is behind none. Choose from \(boxes.map(\.name).joined(separator: ", ")).")
        }
        var parameters = box.parameters
        for part in parts[1].split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2, Self.set(pair[0], pair[1], in: &parameters) else {
                throw LabError(.usage, "'\(part)' sets nothing. Use \(Self.boxKeys).")
            }
        }
        updateBox(box.name) { $0.parameters = parameters }
    }

    /// What ``changeBox(_:)`` understands, for error messages and help.
    package static let boxKeys = """
        hairpin=yes|no, simultaneous-open=yes|no, timestamps=kept|stripped, midstream=discard|adopt, noise=PER-SECOND, table=SESSIONS, \
        rst-kills=nothing|session|session-10s|mapping|mapping-10s, pool=single|paired-N|arbitrary-N, established=TIME, transitory=TIME, udp-idle=TIME
        """

    private static func set(_ key: String, _ value: String, in parameters: inout NATParameters) -> Bool {
        func choose<T>(_ path: WritableKeyPath<NATParameters, T>, _ choice: T?) -> Bool {
            guard let choice else { return false }
            parameters[keyPath: path] = choice
            return true
        }
        let yesOrNo = ["yes": true, "no": false][value]
        return switch key {
        case "hairpin": choose(\.hairpin, yesOrNo)
        case "simultaneous-open": choose(\.acceptsSimultaneousOpen, yesOrNo)
        case "timestamps": choose(\.stripsTimestamps, ["kept": false, "stripped": true][value])
        case "midstream": choose(\.midstream, MidstreamPolicy(rawValue: value))
        case "noise": choose(\.backgroundNoise, Double(value))
        case "pool": choose(\.pool, AddressPool(text: value))
        case "table": choose(\.tableSize, Int(value))
        case "established": choose(\.timeouts.established, Duration(text: value))
        case "transitory": choose(\.timeouts.transitory, Duration(text: value))
        case "udp-idle": choose(\.timeouts.datagram, Duration(text: value))
        case "rst-kills":
            choose(
                \.resetEffect,
                [
                    "nothing": .none, "session": .session(after: .zero), "session-10s": .session(after: .seconds(10)),
                    "mapping": .mapping(after: .zero), "mapping-10s": .mapping(after: .seconds(10)),
                ][value])
        default: false
        }
    }
}

extension Int {
    /// Parses `10M`, `500k`, `1G` or a plain number of bits per second; nil for anything else.
    package init?(rate text: String) {
        let factor: Double = ["k": 1e3, "M": 1e6, "G": 1e9][String(text.suffix(1))] ?? 1
        guard let value = Double(factor == 1 ? text : String(text.dropLast())), value > 0, value * factor < 1e12 else { return nil }
        self = Int(value * factor)
    }
}
