import BodkinCore

/// The life of sessions and mappings.
extension NATTable {
    struct Failure: Error { let reason: NATVerdict.Reason }

    /// An endpoint that stands for every remote.
    private static let anyone = Endpoint(IPAddress(v4: 0), 0)

    /// As much of the remote as the mapping behaviour distinguishes.
    private func remoteKey(_ remote: Endpoint, _ transport: TransportProtocol) -> Endpoint {
        switch parameters.behaviour(of: transport).mapping {
        case .endpointIndependent: Self.anyone
        case .addressDependent: Endpoint(remote.address, 0)
        case .addressAndPortDependent: remote
        }
    }

    func insideKey(_ flow: Flow) -> Flow { Flow(flow.transport, from: flow.source, to: remoteKey(flow.destination, flow.transport)) }

    func portKey(_ transport: TransportProtocol, _ external: Endpoint) -> Flow { Flow(transport, from: Self.anyone, to: external) }

    /// The session of a packet from inside, made where there is none.
    mutating func outboundSession(for packet: PacketSummary, at now: LabInstant) -> Result<Int, Failure> {
        let flow = packet.flow
        if let index = sessionByFlow[flow], sessions[index]?.inside.source == flow.source { return .success(index) }
        if flow.transport == .tcp && !packet.isConnectionRequest {
            guard parameters.midstream == .adopt, !packet.flags.contains(.rst) else { return .failure(Failure(reason: .midstream)) }
        }
        if flow.transport == .icmp && flow.source.port == 0 && flow.destination.port != 0 {
            return .failure(Failure(reason: .midstream))  // a reply to a query that was never let in
        }
        guard sessions.count < parameters.tableSize, let mapping = mapping(for: flow, at: now) else {
            return .failure(Failure(reason: .exhausted))
        }
        guard let index = addSession(mapping, remote: flow.destination, transport: flow.transport, startedInside: true, at: now) else {
            removeIfUnused(mapping)
            return .failure(Failure(reason: .exhausted))
        }
        if flow.transport == .tcp && !packet.isConnectionRequest { sessions[index]?.tcp = .midstream }
        return .success(index)
    }

    private mutating func mapping(for flow: Flow, at now: LabInstant) -> Int? {
        let key = insideKey(flow)
        if let index = mappingByInside[key] { return index }
        let address = allocateAddress(for: flow.source.address)
        guard let number = allocatePort(for: key, on: address, at: now) else { return nil }
        let external = Endpoint(address ?? flow.source.address, number)
        let index = mappings.insert(NATMapping(key: key, external: external))
        mappingByInside[key] = index
        mappingByOutside[Flow(key.transport, from: key.destination, to: external)] = index
        let port = portKey(key.transport, external)
        if mappingsOfPort[port] == nil { count(external, key.transport, by: 1) }
        mappingsOfPort[port, default: []].insert(index)
        return index
    }

    /// The mapping that lets in a flow from outside which belongs to no session.
    func admittingMapping(for flow: Flow) -> Int? {
        let filtering = parameters.behaviour(of: flow.transport).filtering
        guard filtering != .addressAndPortDependent else { return nil }
        let candidates = mappingsOfPort[portKey(flow.transport, flow.destination)] ?? []
        // The lowest, so that overloaded ports behave the same on every run.
        return candidates.filter { filtering == .endpointIndependent || mappings[$0]?.contacts[flow.source.address] != nil }.min()
    }

    mutating func addSession(
        _ mapping: Int, remote: Endpoint, transport: TransportProtocol, startedInside: Bool, at now: LabInstant
    ) -> Int? {
        guard sessions.count < parameters.tableSize, let owner = mappings[mapping] else { return nil }
        lastSerial += 1
        let session = NATSession(
            inside: Flow(transport, from: owner.key.source, to: remote), external: owner.external, mapping: mapping, deadline: now,
            serial: lastSerial, startedInside: startedInside)
        guard sessionByFlow[session.inside] == nil, sessionByFlow[session.outside] == nil else { return nil }
        let index = sessions.insert(session)
        sessionByFlow[session.inside] = index
        sessionByFlow[session.outside] = index
        mappings[mapping]?.sessions.insert(index)
        return index
    }

    /// Notes that a packet of the session passes, and returns the session's external endpoint.
    mutating func touch(_ index: Int, _ packet: PacketSummary, fromInside: Bool, at now: LabInstant) -> Endpoint? {
        guard var session = sessions[index] else { return nil }
        let wasReset = session.tcp.wasReset
        if fromInside {
            session.tcp.sawInside(packet.flags)
        } else {
            session.tcp.sawOutside(packet.flags, isOpener: !session.startedInside)
        }
        if wasReset && !session.tcp.wasReset { session.doomedAt = nil }
        if fromInside && !session.isContact && parameters.behaviour(of: session.inside.transport).filtering == .addressDependent {
            session.isContact = true
            mappings[session.mapping]?.contacts[session.inside.destination.address, default: 0] += 1
        }
        session.deadline = session.doomedAt ?? now.advanced(by: idleTime(of: session))
        sessions[index] = session
        if session.deadline < session.queued { queue(index, session) }
        if packet.flags.contains(.rst) && !fromInside { sawReset(on: index, session, at: now) }
        return session.external
    }

    private mutating func sawReset(on index: Int, _ session: NATSession, at now: LabInstant) {
        switch parameters.resetEffect {
        case .none: return
        case .session(let delay): end(index, at: now.advanced(by: delay))
        case .mapping(let delay):
            for sibling in mappings[session.mapping]?.sessions ?? [] { end(sibling, at: now.advanced(by: delay)) }
        }
        expire(at: now)
    }

    private mutating func end(_ index: Int, at deadline: LabInstant) {
        guard var session = sessions[index] else { return }
        session.tcp.reset()
        session.doomedAt = min(session.doomedAt ?? deadline, deadline)
        session.deadline = min(session.deadline, deadline)
        sessions[index] = session
        if session.deadline < session.queued { queue(index, session) }
    }

    private mutating func queue(_ index: Int, _ session: NATSession) {
        sessions[index]?.queued = session.deadline
        expiry.insert(ExpiryQueue.Entry(deadline: session.deadline, session: index, serial: session.serial))
    }

    private func idleTime(of session: NATSession) -> Duration {
        let timeouts = parameters.timeouts
        switch session.inside.transport {
        case .udp: return timeouts.datagram
        case .icmp: return timeouts.query
        case .tcp: return session.tcp.wasReset ? timeouts.reset : session.tcp.isEstablished ? timeouts.established : timeouts.transitory
        }
    }

    /// Removes what has ended by now.
    mutating func expire(at now: LabInstant) {
        while let entry = expiry.popDue(at: now) {
            guard let session = sessions[entry.session], session.serial == entry.serial, session.queued == entry.deadline else { continue }
            if session.deadline > now { queue(entry.session, session) } else { remove(entry.session, session) }
        }
    }

    private mutating func remove(_ index: Int, _ session: NATSession) {
        sessions.remove(index)
        sessionByFlow[session.inside] = nil
        sessionByFlow[session.outside] = nil
        guard var mapping = mappings[session.mapping] else { return }
        mapping.sessions.remove(index)
        if session.isContact, let count = mapping.contacts[session.inside.destination.address] {
            mapping.contacts[session.inside.destination.address] = count > 1 ? count - 1 : nil
        }
        mappings[session.mapping] = mapping
        removeIfUnused(session.mapping)
    }

    private mutating func removeIfUnused(_ index: Int) {
        guard let mapping = mappings[index], mapping.sessions.isEmpty else { return }
        mappings.remove(index)
        mappingByInside[mapping.key] = nil
        mappingByOutside[Flow(mapping.key.transport, from: mapping.key.destination, to: mapping.external)] = nil
        let port = portKey(mapping.key.transport, mapping.external)
        mappingsOfPort[port]?.remove(index)
        guard mappingsOfPort[port]?.isEmpty == true else { return }
        mappingsOfPort[port] = nil
        count(mapping.external, mapping.key.transport, by: -1)
    }
}
