#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

/// A time with a unit, as an option.
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

/// The options of every lab command for its links and its seed.
struct LinkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Set the one-way delay between any two hosts; default: 25ms.", valueName: "time"))
    var delay: TimeArgument?
    @Option(help: ArgumentHelp("Add a random delay up to this to each link.", valueName: "time"))
    var jitter: TimeArgument?
    @Option(help: ArgumentHelp("Lose this share of packets on every link and direction, such as 2%.", valueName: "probability"))
    var loss: ProbabilityArgument?
    @Option(help: ArgumentHelp("Limit the rate of every link, such as 10M.", valueName: "bit/s"))
    var rate: RateArgument?
    @Option(help: "Set the MTU of every link, in bytes.")
    var mtu = 1500
    @Option(help: "Set the seed of every random choice; default: a random seed, which the command prints.")
    var seed: UInt64?
    @Flag(name: .customLong("kernel"), help: "Build the NATs from nftables of the Linux kernel.")
    var isKernel = false

    /// The delay, or its default of 25 ms.
    var delayOrDefault: Duration { delay?.duration ?? .milliseconds(25) }

    var link: LinkParameters {
        LinkParameters(delay: delayOrDefault, jitter: jitter?.duration ?? .zero, loss: loss?.value ?? 0, rate: rate?.value, mtu: mtu)
    }

    var implementation: Topology.Implementation { isKernel ? .kernel : .emulated }

    func seedOrRandom() -> UInt64 { seed ?? UInt64.random(in: 0..<1 << 32) }

    /// The timeout of an exercise for answers that may not come.
    /// With loss the timeout covers the kernel's second and third SYN.
    var patience: Duration { delayOrDefault * 4 + (loss == nil ? .milliseconds(200) : .milliseconds(3500)) }
}

/// The two hosts, their NATs, and further parts of the network.
struct LabOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Put host a behind this NAT: \(AccessNetwork.choice()); see 'bodkin lab presets'.", valueName: "nat"),
        completion: AccessNetwork.completion)
    var a: String
    @Option(help: ArgumentHelp("Put host b behind this NAT.", valueName: "nat"), completion: AccessNetwork.completion)
    var b: String
    @OptionGroup var links: LinkOptions
    @Option(help: ArgumentHelp("Add a host: NAME=NAT, or NAME@HOST on the LAN of HOST.", valueName: "host"))
    var host: [String] = []
    @Option(help: ArgumentHelp("Add an interface (eth1, …) to a host: HOST=NAT, or HOST@OTHER on the LAN of OTHER.", valueName: "interface"))
    var interface: [String] = []
    @Option(
        help: ArgumentHelp(
            "Change one link: NAME[:up|:down],delay=…,jitter=…,loss=…,rate=…,mtu=…,broken=ipv4|ipv6; NAME may be an interface, such as a.eth1.",
            valueName: "change"))
    var link: [String] = []
    @Option(name: .customLong("set"), help: ArgumentHelp("Change one NAT: NAME:KEY=VALUE,…; \(Topology.boxKeys).", valueName: "change"))
    var change: [String] = []
    @Option(help: ArgumentHelp("Write the packets in the core of the network to this capture file.", valueName: "file"), completion: .file())
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
                throw LabError(
                    .usage, "Host \(other.name) has a public address and no LAN. Write \(text[..<separator])=open for another public host.")
            }
            topology.addHost(String(text[..<separator]), inside: parent)
        } else {
            throw LabError(
                .usage,
                "'\(text)' is not a host. Write NAME=NAT or NAME@HOST, for example a2@a or c=\(NATPreset.portRestricted.rawValue), where NAT is "
                    + AccessNetwork.choice() + ".")
        }
    }

    private func addInterface(_ text: String, to topology: inout Topology) throws {
        if let separator = text.firstIndex(of: "="), let network = AccessNetwork(rawValue: String(text[text.index(after: separator)...])) {
            topology.addInterface(
                to: String(text[..<separator]), behind: network, link: links.link.half, implementation: links.implementation)
        } else if let separator = text.firstIndex(of: "@"), let other = topology.interface(String(text[text.index(after: separator)...])) {
            guard let parent = other.parent else {
                throw LabError(
                    .usage, "Interface \(other.name) has a public address and no LAN. Write \(text[..<separator])=open for another public interface.")
            }
            topology.addInterface(to: String(text[..<separator]), inside: parent)
        } else {
            throw LabError(
                .usage,
                "'\(text)' is not an interface. Write HOST=NAT or HOST@OTHER, for example a@b or a=\(NATPreset.portRestricted.rawValue), where NAT is "
                    + AccessNetwork.choice() + ".")
        }
    }
}
#endif
