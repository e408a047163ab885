import BodkinCore

@testable import BodkinEmulation

/// An emulated network with a clock that goes from arrival to arrival.
final class World {
    struct Arrival {
        var time: LabInstant
        var host: String
        var packet: Packet
        var milliseconds: Double { time.since(.start).milliseconds }
    }

    let topology: Topology
    var network: EmulatedNetwork
    var now = LabInstant.start
    private(set) var arrivals: [Arrival] = []
    private let names: [EmulatedNetwork.Port: String]

    init(_ topology: Topology) {
        self.topology = topology
        network = EmulatedNetwork(topology)
        network.isTracing = true
        let network = network
        names = Dictionary(
            uniqueKeysWithValues: topology.interfaces.compactMap { interface in network.port(of: interface.name).map { ($0, interface.name) } })
    }

    /// Hosts `a` and `b` behind the presets, and a server.
    convenience init(_ a: NATPreset, _ b: NATPreset, link: LinkParameters = LinkParameters(), seed: UInt64 = 1) {
        self.init(.pair(a, b, link: link, seed: seed))
    }

    /// Sends bytes from a host, or from one of its interfaces, now; false for bytes that are no packet.
    @discardableResult
    func send(_ bytes: [UInt8], from host: String) -> Bool {
        guard let packet = Packet(bytes), let port = network.port(of: host) else { return false }
        network.send(packet, from: port, at: now)
        collect()
        return true
    }

    /// Lets time pass, and returns what has arrived since it was last asked.
    @discardableResult
    func wait(_ time: Duration = .zero) -> [Arrival] {
        let end = now.advanced(by: time)
        while let next = network.nextArrival, next <= end {
            now = max(now, next)
            network.advance(to: now)
            collect()
        }
        now = end
        defer { arrivals = [] }
        return arrivals
    }

    /// The one packet that arrives within a second; nil where there is none, or more than one.
    func only() -> Arrival? {
        let arrived = wait(.seconds(1))
        return arrived.count == 1 ? arrived.first : nil
    }

    /// Sends a UDP datagram, waits a second, and returns the packet as it arrived, if it was the only one.
    func datagram(from host: String, port: UInt16 = 5000, to destination: Endpoint, payload: [UInt8] = [1, 2, 3]) -> Arrival? {
        send(Wire.udp(Endpoint(address(host), port), destination, payload: payload), from: host)
        return only()
    }

    func address(_ host: String) -> IPAddress { topology.interface(host)?.addresses.first ?? "0.0.0.0" }
    func address6(_ host: String) -> IPAddress { topology.interface(host)?.addresses6.first ?? "::" }
    func external(_ box: String) -> IPAddress { topology.box(box)?.external ?? "0.0.0.0" }

    /// What was recorded since it was last asked, as place and action.
    func events() -> [(place: String, action: LabEvent.Action)] { network.takeEvents().map { ($0.place, $0.action) } }

    private func collect() {
        for delivery in network.takeDeliveries() {
            arrivals.append(Arrival(time: now, host: names[delivery.port] ?? "?", packet: delivery.packet))
        }
    }
}

extension Packet {
    /// The transport's payload, or an ICMP message after its eight bytes.
    var payload: [UInt8] {
        guard case .message = summary.kind else { return Array(bytes[(upperOffset + 8)...]) }
        return Array(bytes[(upperOffset + (summary.flow.transport == .tcp ? Int(bytes[upperOffset + 12] >> 4) * 4 : 8))...])
    }
    /// What an error quotes.
    var quotedFlow: Flow? { if case .error(let flow) = summary.kind { flow } else { nil } }
    var hops: UInt8 { bytes[bytes[0] >> 4 == 4 ? 8 : 7] }
}
