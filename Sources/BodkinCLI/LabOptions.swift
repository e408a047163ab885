#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

/// A quantity with a unit, as an option.
struct TimeArgument: ExpressibleByArgument {
    let duration: Duration
    init?(argument: String) {
        guard let duration = Duration(text: argument) else { return nil }
        self.duration = duration
    }
}

struct ProbabilityArgument: ExpressibleByArgument {
    let value: Double
    init?(argument: String) {
        guard let value = Double(probability: argument) else { return nil }
        self.value = value
    }
}

struct RateArgument: ExpressibleByArgument {
    let value: Int
    init?(argument: String) {
        guard let value = Int(rate: argument) else { return nil }
        self.value = value
    }
}

/// What every lab command takes for its links and its seed.
struct LinkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("One-way delay between any two hosts; 25ms where it is not given.", valueName: "time"))
    var delay: TimeArgument?
    @Option(help: ArgumentHelp("The most that is added to each link's delay.", valueName: "time"))
    var jitter: TimeArgument?
    @Option(help: ArgumentHelp("Loss on every link, each way, such as 2%.", valueName: "probability"))
    var loss: ProbabilityArgument?
    @Option(help: ArgumentHelp("Rate of every link, such as 10M.", valueName: "bit/s"))
    var rate: RateArgument?
    @Option(help: "The largest packet, in bytes.")
    var mtu = 1500
    @Option(help: "Decides every random choice; printed when it is not given.")
    var seed: UInt64?
    @Flag(name: .customLong("kernel"), help: "NATs made of Linux' own nftables, where Linux can express them.")
    var isKernel = false

    /// The default that shows what happens without making anyone wait.
    var delayOrDefault: Duration { delay?.duration ?? .milliseconds(25) }

    var link: LinkParameters {
        LinkParameters(delay: delayOrDefault, jitter: jitter?.duration ?? .zero, loss: loss?.value ?? 0, rate: rate?.value, mtu: mtu)
    }

    var implementation: Topology.Implementation { isKernel ? .kernel : .emulated }

    func seedOrRandom() -> UInt64 { seed ?? UInt64.random(in: 0..<1 << 32) }

    /// How long an exercise waits for something that may never come.
    /// With loss, long enough for the kernel's second and third SYN.
    var patience: Duration { delayOrDefault * 4 + (loss == nil ? .milliseconds(200) : .milliseconds(3500)) }
}

/// The two hosts, what stands in front of them, and whatever else the network has.
struct LabOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What host a stands behind: \(AccessNetwork.choice()); see 'bodkin lab presets'.", valueName: "nat"))
    var a: String
    @Option(help: ArgumentHelp("What host b stands behind.", valueName: "nat"))
    var b: String
    @OptionGroup var links: LinkOptions
    @Option(help: ArgumentHelp("Another host: NAME=NAT, or NAME@HOST for one on the same LAN.", valueName: "host"))
    var host: [String] = []
    @Option(help: ArgumentHelp("A further interface (eth1, …) of a host: HOST=NAT, or HOST@OTHER for one on OTHER's LAN.", valueName: "interface"))
    var interface: [String] = []
    @Option(
        help: ArgumentHelp(
            "Changes one link: NAME[:up|:down],delay=…,jitter=…,loss=…,rate=…,mtu=…,broken=ipv4|ipv6; NAME may be an interface, as a.eth1.",
            valueName: "change"))
    var link: [String] = []
    @Option(name: .customLong("set"), help: ArgumentHelp("Changes one NAT: NAME:KEY=VALUE,…; \(Topology.boxKeys).", valueName: "change"))
    var change: [String] = []
    @Option(help: ArgumentHelp("Writes what crosses the Internet's core to a capture file.", valueName: "file"))
    var pcap: String?

    func topology(seed: UInt64) throws -> Topology {
        var topology = Topology.pair(
            try AccessNetwork(named: a), try AccessNetwork(named: b), link: links.link, implementation: links.implementation, seed: seed)
        for text in host { try add(text, to: &topology) }
        for text in interface { try addInterface(text, to: &topology) }
        for text in link { try topology.changeLink(text) }
        for text in change { try topology.changeBox(text) }
        return topology
    }

    private func add(_ text: String, to topology: inout Topology) throws {
        if let separator = text.firstIndex(of: "="), let network = AccessNetwork(rawValue: String(text[text.index(after: separator)...])) {
            topology.addHost(String(text[..<separator]), behind: network, link: links.link.half, implementation: links.implementation)
        } else if let separator = text.firstIndex(of: "@"), let other = topology.host(String(text[text.index(after: separator)...])) {
            guard let parent = other.parent else {
                throw LabError(.usage, "\(other.name) has a public address and no LAN: write \(text[..<separator])=open for another such host")
            }
            topology.addHost(String(text[..<separator]), inside: parent)
        } else {
            throw LabError(
                .usage,
                "'\(text)' is no host: write NAME=NAT or NAME@HOST, for example a2@a or c=\(NATPreset.portRestricted.rawValue), where NAT is "
                    + AccessNetwork.choice())
        }
    }

    private func addInterface(_ text: String, to topology: inout Topology) throws {
        if let separator = text.firstIndex(of: "="), let network = AccessNetwork(rawValue: String(text[text.index(after: separator)...])) {
            topology.addInterface(
                to: String(text[..<separator]), behind: network, link: links.link.half, implementation: links.implementation)
        } else if let separator = text.firstIndex(of: "@"), let other = topology.interface(String(text[text.index(after: separator)...])) {
            guard let parent = other.parent else {
                throw LabError(.usage, "\(other.name) has a public address and no LAN: write \(text[..<separator])=open for another such interface")
            }
            topology.addInterface(to: String(text[..<separator]), inside: parent)
        } else {
            throw LabError(
                .usage,
                "'\(text)' is no interface: write HOST=NAT or HOST@OTHER, for example a@b or a=\(NATPreset.portRestricted.rawValue), where NAT is "
                    + AccessNetwork.choice())
        }
    }
}
#endif
