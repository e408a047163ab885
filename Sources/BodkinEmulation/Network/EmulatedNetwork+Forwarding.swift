import BodkinCore
import HeapModule

/// How a packet moves from node to node.
extension EmulatedNetwork {
    /// Over a node's uplink towards its parent.
    mutating func ascend(_ packet: consuming Packet, from node: Int, at now: LabInstant) {
        guard !nodes[node].up.broken.contains(packet.header.family) else { return lose(packet, at: node, now) }
        guard fits(packet, nodes[node].up.parameters.mtu, at: node, isUpward: true, now) else { return }
        if let reset = nodes[node].reset, inject(reset, packet, on: node, isUpward: true, now) { return }
        guard let time = nodes[node].up.arrival(of: packet.count, at: now, &random) else { return lose(packet, at: node, now) }
        move(packet, to: .above(child: node), at: time, now)
    }

    /// From a node to whichever of its children the destination lies behind.
    mutating func descend(_ packet: consuming Packet, below node: Int, at now: LabInstant) {
        guard let child = nodes[node].childByAddress[packet.summary.flow.destination.address] else {
            return record(.unroutable, packet.summary, at: node, now)
        }
        descend(packet, to: child, at: now)
    }

    /// Over a node's uplink the other way, from its parent.
    mutating func descend(_ packet: consuming Packet, to node: Int, at now: LabInstant) {
        guard !nodes[node].down.broken.contains(packet.header.family) else { return lose(packet, at: node, now) }
        guard fits(packet, nodes[node].down.parameters.mtu, at: nodes[node].parent, isUpward: false, now) else { return }
        if let reset = nodes[node].reset, inject(reset, packet, on: node, isUpward: false, now) { return }
        guard let time = nodes[node].down.arrival(of: packet.count, at: now, &random) else { return lose(packet, at: node, now) }
        move(packet, to: .at(node: node), at: time, now)
    }

    private mutating func move(_ packet: consuming Packet, to place: Place, at time: LabInstant, _ now: LabInstant) {
        guard time > now else { return arrive(packet, place, at: now) }
        guard queue.count < Self.queueLimit else { return lose(packet, at: 0, now) }
        order += 1
        queue.insert(Arrival(time: time, order: order, place: place, packet: packet))
    }

    mutating func arrive(_ packet: consuming Packet, _ place: Place, at now: LabInstant) {
        switch place {
        case .before(let child): descend(packet, to: child, at: now)
        case .above(let child):
            let node = nodes[child].parent
            switch nodes[node].kind {
            case .core: cross(packet, from: child, at: now)
            case .emulated: outbound(packet, at: node, now)
            case .kernel: deliver(packet, to: Port(node: node, isOutside: false))
            case .host: break
            }
        case .at(let node):
            switch nodes[node].kind {
            case .host:
                record(.delivered, packet.summary, at: node, now)
                counters.delivered += 1
                deliver(packet, to: Port(node: node, isOutside: false))
            case .emulated: inbound(packet, at: node, now)
            case .kernel: deliver(packet, to: Port(node: node, isOutside: true))
            case .core: break
            }
        }
    }

    private mutating func deliver(_ packet: consuming Packet, to port: Port) { deliveries.append(Delivery(port: port, packet: packet)) }

    /// Through the Internet.
    private mutating func cross(_ packet: consuming Packet, from child: Int, at now: LabInstant) {
        if isCapturing { captured.append((now, packet)) }
        guard let next = nodes[0].childByAddress[packet.summary.flow.destination.address] else {
            return record(.unroutable, packet.summary, at: 0, now)
        }
        guard packet.takeHop() else {
            return descendAnswer(packet.error(.timeExceeded, from: address(of: 0, for: packet, isInside: true)), now, 0)
        }
        let stretch = [child, next]
        guard let path = paths[stretch] else { return descend(packet, to: next, at: now) }
        guard !path.broken.contains(packet.header.family) else { return lose(packet, at: 0, now) }
        guard let time = paths[stretch]?.arrival(of: packet.count, at: now, &random) else { return lose(packet, at: 0, now) }
        move(packet, to: .before(child: next), at: time, now)
    }

    /// From the inside of a box: to a neighbour, or out. `isOwn` says that the box itself made the packet.
    private mutating func outbound(_ packet: consuming Packet, at node: Int, _ now: LabInstant, isOwn: Bool = false) {
        if let neighbour = nodes[node].childByAddress[packet.summary.flow.destination.address] {
            return descend(packet, to: neighbour, at: now)
        }
        // A source that is not of this inside is forged, or an address that the host should not use.
        guard isOwn || nodes[node].childByAddress[packet.summary.flow.source.address] != nil else {
            return record(.unroutable, packet.summary, at: node, now)
        }
        // What is for the box itself goes no hop further: its TTL is not looked at (RFC 1812 section 4.2.2.9).
        guard tables[node]?.isForItself(packet.summary.flow) == true || packet.takeHop() else {
            return descendAnswer(packet.error(.timeExceeded, from: address(of: node, for: packet, isInside: true)), now, node)
        }
        guard let verdict = tables[node]?.outbound(packet.summary, at: now) else { return }
        switch verdict {
        case .passed(let translation):
            translate(&packet, translation, at: node, now)
            ascend(packet, from: node, at: now)
        case .turnedBack(let translation):
            translate(&packet, translation, at: node, now)
            descend(packet, below: node, at: now)
        case .refused(let refusal, let reason):
            note(refusal, reason, packet, at: node, now)
            descendAnswer(reply(refusal, to: packet, at: node, isInside: true), now, node)
        }
    }

    /// From the outside of a box.
    private mutating func inbound(_ packet: consuming Packet, at node: Int, _ now: LabInstant) {
        guard packet.takeHop() else {
            guard let error = packet.error(.timeExceeded, from: address(of: node, for: packet, isInside: false)) else { return }
            return ascend(error, from: node, at: now)
        }
        guard let verdict = tables[node]?.inbound(packet.summary, at: now) else { return }
        switch verdict {
        case .passed(let translation), .turnedBack(let translation):
            translate(&packet, translation, at: node, now)
            descend(packet, below: node, at: now)
        case .refused(let refusal, let reason):
            note(refusal, reason, packet, at: node, now)
            if let reply = reply(refusal, to: packet, at: node, isInside: false) { ascend(reply, from: node, at: now) }
        }
    }

    private mutating func translate(_ packet: inout Packet, _ translation: Translation, at node: Int, _ now: LabInstant) {
        if isTracing {
            let transport = packet.summary.flow.transport
            record(.translated(Flow(transport, from: translation.source, to: translation.destination)), packet.summary, at: node, now)
        }
        packet.apply(translation)
        if nodes[node].stripsTimestamps { packet.stripTimestamps() }
    }

    private mutating func note(_ refusal: Refusal, _ reason: NATVerdict.Reason, _ packet: borrowing Packet, at node: Int, _ now: LabInstant) {
        counters.refused += 1
        record(.refused(refusal, reason), packet.summary, at: node, now)
    }

    private func reply(_ refusal: Refusal, to packet: borrowing Packet, at node: Int, isInside: Bool) -> Packet? {
        switch refusal {
        case .silence: nil
        case .reset: packet.reset()
        case .unreachable: packet.error(.portUnreachable, from: address(of: node, for: packet, isInside: isInside))
        }
    }

    /// A node's own address, of the packet's family.
    private func address(of node: Int, for packet: borrowing Packet, isInside: Bool) -> IPAddress {
        let family = packet.header.family
        let addresses = isInside ? nodes[node].insideAddresses : nodes[node].outsideAddresses
        return addresses.first { $0.family == family } ?? (family == .v4 ? Topology.coreAddress : Topology.coreAddress6)
    }

    /// Sends what a node made itself to one of its children.
    private mutating func descendAnswer(_ reply: consuming Packet?, _ now: LabInstant, _ node: Int) {
        guard let reply else { return }
        descend(reply, below: node, at: now)
    }

    /// Whether a packet fits the link it is about to enter; if not, its sender is told (RFC 1191, RFC 8201). Routers here never fragment.
    private mutating func fits(_ packet: borrowing Packet, _ mtu: Int, at node: Int, isUpward: Bool, _ now: LabInstant) -> Bool {
        guard packet.count > mtu else { return true }
        lose(packet, at: node, now)
        let error = packet.error(.tooBig(mtu: mtu), from: address(of: node, for: packet, isInside: !isUpward || nodes[node].kind == .core))
        guard let error else { return false }
        switch nodes[node].kind {
        case .core: descendAnswer(error, now, node)
        // The packet is already translated, so the error passes through the table as if it came from behind the narrow link.
        case .emulated: isUpward ? inbound(error, at: node, now) : outbound(error, at: node, now, isOwn: true)
        case .host: deliver(error, to: Port(node: node, isOutside: false))
        case .kernel: deliver(error, to: Port(node: node, isOutside: isUpward))
        }
        return false
    }

    private mutating func lose(_ packet: borrowing Packet, at node: Int, _ now: LabInstant) {
        counters.lost += 1
        record(.lost, packet.summary, at: node, now)
    }

    /// Replaces a segment in the middle of a connection by RSTs to both its ends; true when it was one.
    private mutating func inject(_ reset: PendingReset, _ packet: borrowing Packet, on node: Int, isUpward: Bool, _ now: LabInstant) -> Bool {
        let far = isUpward ? packet.summary.flow.destination : packet.summary.flow.source
        guard reset.remote.map({ $0 == far }) ?? true else { return false }
        guard packet.summary.flow.transport == .tcp, packet.summary.flags.contains(.ack), !packet.summary.flags.contains(.syn),
            let onward = packet.forgedReset(), let backward = packet.reset()
        else { return false }
        nodes[node].reset = nil
        record(.fault("RST injected to both ends"), packet.summary, at: node, now)
        arrive(isUpward ? onward : backward, .above(child: node), at: now)
        arrive(isUpward ? backward : onward, .at(node: node), at: now)
        return true
    }
}
