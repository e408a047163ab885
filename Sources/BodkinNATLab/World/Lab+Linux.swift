#if os(Linux)
public import BodkinEmulation
import CBodkinNATLab
import Glibc

/// A running lab. Make one with ``withLab(_:options:_:)``.
public final class Lab: Sendable {
    /// The options of a lab beside its topology.
    public struct Options: Sendable, Hashable {
        /// Writes what crosses the core to this file, in the pcap format.
        public var capture: String?
        /// Records what happens to packets, for ``Lab/takeEvents()``.
        public var isTracing = false

        /// Neither.
        public init() {}
    }

    /// The network, as it was built.
    public let topology: Topology
    /// The hosts, in the topology's order.
    public let hosts: [LabHost]
    /// When the lab was up, on the clock that its events use.
    public let startTime: LabInstant
    private let engine: LabEngine
    private let kernels: [String: Namespace]

    init(_ topology: Topology, _ options: Options) async throws {
        try topology.validate()
        let kernelBoxes = topology.boxes.filter { $0.implementation == .kernel }
        let namespaces = try await Self.makeNamespaces(
            topology.hosts.map { ($0.name, topology.interfaces(of: $0.name).enumerated().map(Namespace.Interface.init), [:]) }
                + kernelBoxes.map { ($0.name, $0.interfaces(in: topology), KernelNAT.settings) })
        kernels = Dictionary(uniqueKeysWithValues: zip(kernelBoxes.map(\.name), namespaces.dropFirst(topology.hosts.count)))
        for box in kernelBoxes {
            if let namespace = kernels[box.name] { try await KernelNAT.configure(box, in: namespace) }
        }
        hosts = zip(topology.hosts, namespaces).map { host, namespace in
            LabHost(
                host, topology.interfaces(of: host.name), namespace, environment: Self.environment(for: host.name, in: topology))
        }
        var network = EmulatedNetwork(topology)
        network.isTracing = options.isTracing
        var tunnels: [(port: EmulatedNetwork.Port, tunnel: Descriptor)] = []
        for host in hosts {
            for (interface, tunnel) in zip(host.interfaces, host.namespace.tunnels) {
                if let port = network.port(of: interface.name) { tunnels.append((port, tunnel)) }
            }
        }
        for (box, namespace) in zip(kernelBoxes, namespaces.dropFirst(topology.hosts.count)) {
            for (index, tunnel) in namespace.tunnels.enumerated() {
                if let port = network.port(of: box.name, isOutside: index == 1) { tunnels.append((port, tunnel)) }
            }
        }
        self.topology = topology
        engine = try LabEngine(network, tunnels, capture: options.capture)
        startTime = .now
    }

    /// The host of that name.
    /// - Throws: `LabError` where there is none.
    public func host(_ name: String) throws -> LabHost {
        guard let host = hosts.first(where: { $0.name == name }) else {
            throw LabError(.usage, "The lab has no host \(name). Choose from \(hosts.map(\.name).joined(separator: ", ")).")
        }
        return host
    }

    /// Makes something go wrong, now.
    /// - Throws: `LabError` when the target is unknown or cannot have this fault.
    public func apply(_ fault: Fault) async throws {
        let result = try await engine.perform { network, now in
            Result { () throws(EmulatedNetwork.FaultRefusal) in try network.apply(fault, at: now) }
        }
        let place: String
        switch result {
        case .failure(let refusal): throw topology.explanation(of: refusal, fault)
        case .success(let name): place = name
        }
        if case .reboot = fault, let kernel = kernels[place] {
            try await kernel.run { _ = try system(bodkin_conntrack_flush(), "the kernel NAT's mappings cannot be removed") }
        }
    }

    /// The events since the last call. Empty unless tracing.
    public func takeEvents() async throws -> [LabEvent] { try await engine.perform { network, _ in network.takeEvents() } }

    /// The packets that crossed the network so far.
    public func counters() async throws -> NetworkCounters { try await engine.perform { network, _ in network.counters } }

    /// The table of an emulated NAT as it is now; nil for a kernel NAT or an unknown name.
    public func table(of box: String) async throws -> NATTable? { try await engine.perform { network, _ in network.table(of: box) } }

    /// The present, on the clock of the lab's events.
    public static var now: LabInstant { .now }

    /// The kernel whose TCP the hosts have, as `uname -r` prints it.
    public static var kernelRelease: String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The variables of a program in host `name`. `BODKIN_LAB_HOST`, `BODKIN_LAB_ADDRESS` and `BODKIN_LAB_ADDRESS6` describe the host itself.
    /// Every host H, in upper case, has `BODKIN_LAB_H`, `BODKIN_LAB_H_6` (its addresses; further ones as `BODKIN_LAB_H_2`) and
    /// `BODKIN_LAB_H_OUTSIDE` (its external address). A further interface has the same with its device as suffix: `BODKIN_LAB_ADDRESS_ETH1`, `BODKIN_LAB_ADDRESS6_ETH1`, `BODKIN_LAB_H_ETH1`, `BODKIN_LAB_H_ETH1_6`, `BODKIN_LAB_H_ETH1_OUTSIDE`.
    public static func environment(for name: String, in topology: Topology) -> [String: String] {
        var result = ["BODKIN_LAB_HOST": name]
        for (key, value) in topology.variables { result["BODKIN_LAB_\(key)"] = value }
        for interface in topology.interfaces(of: name) {
            for (key, value) in interface.variables { result["BODKIN_LAB_\(key)"] = value }
        }
        return result
    }

    func stop() async {
        await withTaskGroup { group in
            for host in hosts { group.addTask { await host.stop() } }
        }
        await engine.stop()
    }

    private static func makeNamespaces(
        _ specifications: [(name: String, interfaces: [Namespace.Interface], settings: [String: String])]
    ) async throws -> [Namespace] {
        try await withThrowingTaskGroup { group in
            for (index, specification) in specifications.enumerated() {
                group.addTask {
                    (index, try await Namespace.create(specification.name, specification.interfaces, settings: specification.settings))
                }
            }
            var result = [Namespace?](repeating: nil, count: specifications.count)
            for try await (index, namespace) in group { result[index] = namespace }
            return result.compactMap { $0 }
        }
    }
}

/// Builds a lab, runs `body` in it, and removes everything: programs, namespaces, interfaces, also when `body` throws or is cancelled.
///
/// ```swift
/// let topology = Topology.pair(.portRestricted, .masquerade, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
/// try await withLab(topology) { lab in
///     let result = try await lab.host("a").run("ping", "-c1", "\(lab.host("server").address)")
/// }
/// ```
///
/// - Throws: `LabError` when the topology makes no sense or the system does not allow it, and what `body` throws.
public func withLab<Result: Sendable>(
    _ topology: Topology, options: Lab.Options = Lab.Options(), _ body: (Lab) async throws -> Result
) async throws -> Result {
    let lab = try await Lab(topology, options)
    do {
        let result = try await body(lab)
        await lab.stop()
        return result
    } catch {
        await lab.stop()
        throw error
    }
}

extension Namespace.Interface {
    /// What the route metric grows by from one interface of a host to the next, as NetworkManager counts.
    private static let metricStep: Int32 = 100

    /// The interface of a host, `index` 0 being eth0.
    init(_ index: Int, _ interface: Topology.Interface) {
        self.init(
            name: interface.device, mtu: interface.up.mtu,
            addresses: interface.addresses.map { ($0, interface.prefixLength) } + interface.addresses6.map { ($0, 64) },
            gateways: interface.gateways, metric: Int32(clamping: index) * Self.metricStep)
    }
}
#endif
