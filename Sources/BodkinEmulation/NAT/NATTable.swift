public import BodkinCore

/// A NAT or stateful firewall as a pure function with memory: a packet's summary and an instant go in, a verdict comes out.
///
/// It reads no clock, opens no socket and draws its random numbers from a seed. A test therefore runs in virtual time:
///
/// ```swift
/// var nat = NATTable(NATParameters(), externalAddress: IPAddress("203.0.113.1"), seed: 1)
/// let verdict = nat.outbound(syn, at: .start)
/// ```
///
/// Terms and behaviours are those of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP). IPv6 is filtered, never translated.
public struct NATTable: Sendable {
    /// The behavior of the box.
    public let parameters: NATParameters
    /// The address that internal IPv4 addresses are translated to; nil for a firewall.
    public private(set) var externalAddress: IPAddress?
    /// The other external addresses, where there is a pool.
    private let furtherAddresses: [IPAddress]
    /// Which address of a paired pool each internal address has, by index.
    private var pairs: [IPAddress: Int] = [:]

    var sessions = SlotMap<NATSession>()
    var mappings = SlotMap<NATMapping>()
    /// Both directions' exact flows, as they arrive, to their session: the path every packet of a known session takes.
    var sessionByFlow: [Flow: Int] = [:]
    /// Internal endpoint and remote, as wide as the mapping behaviour, to the mapping.
    var mappingByInside: [Flow: Int] = [:]
    /// External endpoint (as destination) and remote (as source), as wide as the mapping behaviour, to the mapping.
    var mappingByOutside: [Flow: Int] = [:]
    /// External endpoint to all its mappings: more than one only where ports are overloaded.
    var mappingsOfPort: [Flow: Set<Int>] = [:]
    /// How many ports of the range have a mapping on the external address.
    var portsInUse: [TransportProtocol: Int] = [:]
    var expiry = ExpiryQueue()
    var lastSerial: UInt64 = 0
    var fragments = FragmentTable()
    private var allocators: [TransportProtocol: PortAllocator]
    private var random: SeededGenerator

    /// A box with nothing in its table.
    ///
    /// - Parameters:
    ///   - parameters: the behavior of the box.
    ///   - externalAddress: the IPv4 address of the outside; without it, or where the parameters say so, nothing is translated.
    ///   - furtherAddresses: the other ones, where the parameters ask for a pool; as many as it has are used.
    ///   - seed: decides every random choice.
    public init(_ parameters: NATParameters, externalAddress: IPAddress?, furtherAddresses: [IPAddress] = [], seed: UInt64) {
        self.parameters = parameters
        self.furtherAddresses = Array(furtherAddresses.prefix(max(0, parameters.pool.count - 1)))
        self.externalAddress = parameters.translates ? externalAddress : nil
        var random = SeededGenerator(seed: seed)
        allocators = [:]
        for transport in TransportProtocol.allCases {
            let noise = transport == .icmp ? 0 : parameters.backgroundNoise
            allocators[transport] = PortAllocator(
                parameters.behaviour(of: transport).allocation, ports: parameters.ports, noise: noise, random: &random)
        }
        self.random = random
    }

    /// The number of sessions held.
    public var sessionCount: Int { sessions.count }
    /// The number of mappings held.
    public var mappingCount: Int { mappings.count }

    /// The external endpoint that `local` has towards `remote` at this moment, if any.
    public func externalEndpoint(of local: Endpoint, _ transport: TransportProtocol, towards remote: Endpoint) -> Endpoint? {
        mappingByInside[insideKey(Flow(transport, from: local, to: remote))].flatMap { mappings[$0]?.external }
    }

    /// Judges a packet that comes from inside.
    public mutating func outbound(_ packet: PacketSummary, at now: LabInstant) -> NATVerdict {
        expire(at: now)
        switch packet.kind {
        case .error(let quoted): return outboundError(packet, quoting: quoted)
        case .laterFragment(let identification): return fragments.verdict(packet.flow, identification, at: now)
        case .message: break
        }
        let flow = packet.flow
        if let allowed = parameters.behaviour(of: flow.transport).allowedPorts, !allowed.contains(flow.destination.port) {
            return .refused(.silence, .forbidden)
        }
        let isHairpin = isExternal(flow.destination.address)
        if isHairpin && !parameters.hairpin { return refusal(of: packet, .unsolicited) }
        let index: Int
        switch outboundSession(for: packet, at: now) {
        case .failure(let refusal): return .refused(.silence, refusal.reason)
        case .success(let found): index = found
        }
        guard let external = touch(index, packet, fromInside: true, at: now) else { return .refused(.silence, .exhausted) }
        let translation = Translation(source: external, destination: flow.destination)
        guard isHairpin else { return fragments.remembered(.passed(translation), packet, at: now) }
        var turned = packet
        turned.flow.source = external
        guard case .passed(var inward) = inbound(turned, at: now) else { return refusal(of: packet, .filtered) }
        inward.source = external
        return fragments.remembered(.turnedBack(inward), packet, at: now)
    }

    /// Judges a packet that comes from outside.
    public mutating func inbound(_ packet: PacketSummary, at now: LabInstant) -> NATVerdict {
        expire(at: now)
        switch packet.kind {
        case .error(let quoted): return inboundError(packet, quoting: quoted)
        case .laterFragment(let identification): return fragments.verdict(packet.flow, identification, at: now)
        case .message: break
        }
        let flow = packet.flow
        var index = sessionByFlow[flow]
        // An inside flow, seen on the outside, is not one of the session's own.
        if let known = index, sessions[known]?.inside.source == flow.source { index = nil }
        if let known = index, packet.isConnectionRequest, !parameters.acceptsSimultaneousOpen, sessions[known]?.tcp.awaitsAnswer == true {
            return .refused(.silence, .simultaneousOpenRefused)
        }
        if index == nil {
            guard let mapping = admittingMapping(for: flow) else {
                return refusal(of: packet, mappingsOfPort[portKey(flow.transport, flow.destination)] == nil ? .unsolicited : .filtered)
            }
            guard flow.transport != .tcp || packet.isConnectionRequest else { return .refused(.silence, .stray) }
            index = addSession(mapping, remote: flow.source, transport: flow.transport, startedInside: false, at: now)
        }
        guard let index, let inside = sessions[index]?.inside.source else { return .refused(.silence, .exhausted) }
        _ = touch(index, packet, fromInside: false, at: now)
        return fragments.remembered(.passed(Translation(source: flow.source, destination: inside)), packet, at: now)
    }

    /// Forgets everything, as a reboot does, and takes another external address where one is given.
    public mutating func reboot(externalAddress: IPAddress? = nil) {
        sessions = SlotMap()
        mappings = SlotMap()
        sessionByFlow = [:]
        mappingByInside = [:]
        mappingByOutside = [:]
        mappingsOfPort = [:]
        portsInUse = [:]
        pairs = [:]
        expiry = ExpiryQueue()
        fragments = FragmentTable()
        for transport in TransportProtocol.allCases { allocators[transport]?.releaseBlocks() }
        if let externalAddress, parameters.translates { self.externalAddress = externalAddress }
    }

    /// Counts an external endpoint that got its first mapping, or lost its last.
    mutating func count(_ external: Endpoint, _ transport: TransportProtocol, by change: Int) {
        guard isExternal(external.address), parameters.ports.contains(external.port) else { return }
        portsInUse[transport, default: 0] += change
    }

    /// What the sender of an unsolicited packet gets.
    private func refusal(of packet: PacketSummary, _ reason: NATVerdict.Reason) -> NATVerdict {
        let opens = packet.flow.transport == .tcp ? packet.isConnectionRequest : packet.flow.transport == .udp
        return .refused(opens ? parameters.behaviour(of: packet.flow.transport).unsolicited : .silence, reason)
    }

    private func isExternal(_ address: IPAddress) -> Bool {
        address == externalAddress || externalAddress != nil && furtherAddresses.contains(address)
    }

    /// Whether a packet from inside is for the box, and not for somebody behind one of its mappings.
    func isForItself(_ flow: Flow) -> Bool {
        isExternal(flow.destination.address) && !(parameters.hairpin && mappingsOfPort[portKey(flow.transport, flow.destination)] != nil)
    }

    /// The external address for a new mapping; nil where it is not translated.
    mutating func allocateAddress(for source: IPAddress) -> IPAddress? {
        guard let externalAddress, source.family == .v4 else { return nil }
        guard !furtherAddresses.isEmpty else { return externalAddress }
        var index = pairs[source] ?? Int.random(in: 0...furtherAddresses.count, using: &random)
        if case .paired = parameters.pool { pairs[source] = index }
        index -= 1
        return furtherAddresses.indices.contains(index) ? furtherAddresses[index] : externalAddress
    }

    /// The external port for a new mapping. Where ports are kept equal, one port serves several remotes, as in Linux.
    mutating func allocatePort(for key: Flow, on externalAddress: IPAddress?, at now: LabInstant) -> UInt16? {
        guard let externalAddress else { return key.source.port }
        let behaviour = parameters.behaviour(of: key.transport)
        let overloads = behaviour.allocation == .equal && behaviour.mapping != .endpointIndependent
        // The allocator is taken out so that it can be changed while the table is read.
        guard var allocator = allocators.removeValue(forKey: key.transport) else { return nil }
        defer { allocators[key.transport] = allocator }
        func isFree(_ port: UInt16) -> Bool {
            let external = Endpoint(externalAddress, port)
            return overloads
                ? mappingByOutside[Flow(key.transport, from: key.destination, to: external)] == nil
                : mappingsOfPort[portKey(key.transport, external)] == nil
        }
        // Where the whole range is taken, a search would only take time.
        let isFull = !overloads && portsInUse[key.transport, default: 0] >= parameters.ports.count * (1 + furtherAddresses.count)
        if isFull && !(behaviour.allocation == .equal && isFree(key.source.port)) { return nil }
        var random = random
        let port = allocator.allocate(for: key.source, at: now, random: &random, isFree: isFree)
        self.random = random
        return port
    }
}
