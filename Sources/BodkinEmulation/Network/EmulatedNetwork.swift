import BodkinCore
import HeapModule

/// Everything between the hosts, without a socket or a clock: packets go in with the time, and come out with the time.
///
/// ```swift
/// var network = EmulatedNetwork(topology)
/// if let port = network.port(of: "a") { network.send(packet, from: port, at: now) }
/// network.advance(to: later)
/// for delivery in network.takeDeliveries() { print(delivery) }
/// ```
public struct EmulatedNetwork: Sendable {
    /// A place where packets enter and leave: a host's interface, or one of the two of a kernel NAT.
    public struct Port: Sendable, Hashable {
        let node: Int
        let isOutside: Bool
    }

    /// A packet that has arrived at a port.
    public struct Delivery: Sendable {
        /// Where.
        public var port: Port
        /// The packet.
        public var packet: Packet
    }

    struct Node: Sendable {
        enum Kind: Sendable { case core, host, emulated, kernel }

        var name: String
        var kind: Kind
        var parent: Int
        var up: Link
        var down: Link
        /// Which child leads to an address.
        var childByAddress: [IPAddress: Int] = [:]
        /// Where this node's own errors come from: towards its inside, and towards its outside.
        var insideAddresses: [IPAddress] = []
        var outsideAddresses: [IPAddress] = []
        /// What the next TCP segment on the uplink is replaced by RSTs for, to both its ends.
        var reset: PendingReset?
        var stripsTimestamps = false
    }

    /// An RST for any connection, or for one with this far endpoint.
    struct PendingReset: Sendable {
        var remote: Endpoint?
    }

    /// Where a packet is after a link.
    enum Place: Sendable, Hashable {
        /// At the parent, having come up from this child.
        case above(child: Int)
        /// About to go down to this child, having crossed the core.
        case before(child: Int)
        /// At this node, having come down.
        case at(node: Int)
    }

    struct Arrival: Comparable, Sendable {
        var time: LabInstant
        var order: UInt64
        var place: Place
        var packet: Packet

        static func < (left: Self, right: Self) -> Bool {
            (left.time.nanoseconds, left.order) < (right.time.nanoseconds, right.order)
        }
        static func == (left: Self, right: Self) -> Bool { left.order == right.order }
    }

    /// The packets so far.
    public package(set) var counters = NetworkCounters()
    /// Whether `Lab.takeEvents()` are recorded.
    public var isTracing = false
    /// Whether packets that cross the core are kept for ``takeCaptured()``.
    public var isCapturing = false

    var nodes: [Node]
    var tables: [Int: NATTable] = [:]
    /// Extra stretches of the core, by the children they join.
    var paths: [[Int]: Link] = [:]
    var random: SeededGenerator
    var queue = Heap<Arrival>()
    var order: UInt64 = 0
    package internal(set) var deliveries: [Delivery] = []
    var captured: [(LabInstant, Packet)] = []
    var events: [LabEvent] = []
    /// The most events kept; later ones are not recorded.
    private static let eventLimit = 100_000
    /// The most packets on their way; more are lost.
    static let queueLimit = 200_000

    /// The network of a topology whose names are unique and whose parents exist; what names no node is left out.
    public init(_ topology: Topology) {
        random = SeededGenerator(seed: topology.seed)
        let perfect = Link(LinkParameters(mtu: 65_535))
        nodes = [Node(name: "core", kind: .core, parent: -1, up: perfect, down: perfect)]
        nodes[0].insideAddresses = [Topology.coreAddress, Topology.coreAddress6]
        for box in topology.boxes {
            let isKernel = box.implementation == .kernel
            var node = Node(
                name: box.name, kind: isKernel ? .kernel : .emulated, parent: index(of: box.parent), up: Link(box.up), down: Link(box.down))
            node.insideAddresses = box.gateways
            node.outsideAddresses = [box.external, box.external6] + box.furtherExternals
            node.stripsTimestamps = box.parameters.stripsTimestamps
            if !isKernel {
                tables[nodes.count] = NATTable(
                    box.parameters, externalAddress: box.external, furtherAddresses: box.furtherExternals, seed: random.next())
            }
            nodes.append(node)
            announce(node.outsideAddresses, of: nodes.count - 1, through: topology)
        }
        for interface in topology.interfaces {
            nodes.append(
                Node(
                    name: interface.name, kind: .host, parent: index(of: interface.parent), up: Link(interface.up),
                    down: Link(interface.down)))
            announce(interface.addresses + interface.addresses6, of: nodes.count - 1, through: topology)
        }
        for path in topology.paths {
            if let from = node(path.from), let to = node(path.to) { paths[[from, to]] = Link(path.link) }
        }
    }

    /// The port of a host's first interface by the host's name, of a further one as `a.eth1`, or of one side of a kernel NAT.
    public func port(of name: String, isOutside: Bool = false) -> Port? { node(name).map { Port(node: $0, isOutside: isOutside) } }

    /// The table of an emulated box.
    public func table(of box: String) -> NATTable? { node(box).flatMap { tables[$0] } }

    /// When the next packet arrives somewhere.
    public var nextArrival: LabInstant? { queue.min?.time }

    /// Takes in a packet that a host, or the kernel of a kernel NAT, has sent, after moving on everything that has arrived by then.
    public mutating func send(_ packet: consuming Packet, from port: Port, at now: LabInstant) {
        advance(to: now)
        counters.sent += 1
        counters.sentBytes += packet.count
        if nodes[port.node].kind == .kernel && !port.isOutside {
            descend(packet, below: port.node, at: now)
            return
        }
        if nodes[port.node].kind == .host { record(.sent, packet.summary, at: port.node, now) }
        ascend(packet, from: port.node, at: now)
    }

    /// Moves on everything that has arrived by `now`.
    public mutating func advance(to now: LabInstant) {
        while let first = queue.min, first.time <= now {
            let arrival = queue.removeMin()
            arrive(arrival.packet, arrival.place, at: arrival.time)
        }
    }

    /// Takes the packets that have reached ports.
    public mutating func takeDeliveries() -> [Delivery] { take(&deliveries) }
    /// Takes what was recorded.
    public mutating func takeEvents() -> [LabEvent] { take(&events) }
    /// Takes the packets that crossed the core.
    public mutating func takeCaptured() -> [(LabInstant, Packet)] { take(&captured) }

    private func take<T>(_ list: inout [T]) -> [T] {
        defer { list = [] }
        return list
    }

    func node(_ name: String) -> Int? {
        let host = Topology.withoutFirstDevice(name)
        return nodes.firstIndex { $0.name == name } ?? nodes.firstIndex { $0.name == host && $0.kind == .host }
    }

    private func index(of name: String?) -> Int { name.flatMap(node) ?? 0 }

    /// Tells every node above that these addresses lie behind it. A translating NAT hides IPv4 addresses from what is above it.
    mutating func announce(_ addresses: [IPAddress], of node: Int, through topology: Topology) {
        var child = node
        var addresses = addresses
        while nodes[child].parent >= 0 {
            let parent = nodes[child].parent
            for address in addresses { nodes[parent].childByAddress[address] = child }
            if topology.box(nodes[parent].name)?.parameters.translates == true { addresses.removeAll { $0.family == .v4 } }
            child = parent
        }
    }

    mutating func record(_ action: LabEvent.Action, _ packet: PacketSummary?, at node: Int, _ now: LabInstant) {
        guard isTracing, events.count < Self.eventLimit else { return }
        events.append(LabEvent(time: now, place: nodes[node].name, action: action, packet: packet))
    }
}
