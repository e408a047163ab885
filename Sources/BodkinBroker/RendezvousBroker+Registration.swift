import BodkinCore
import BodkinProtocols
package import NIOCore

extension RendezvousBroker {
    /// A peer registers, or replaces what it has registered. The registration is checked already.
    package mutating func register(_ id: ConnectionID, _ registration: Registration, now: NIODeadline) {
        guard let client = clients[id] else { return }
        let (peer, instance) = (client.peer, client.instance)
        let key = InstanceKey(peer: peer, instance: instance)
        let predecessor = instances[key].flatMap { $0 == id ? nil : $0 }
        let known = client.registration ?? predecessor.flatMap { clients[$0]?.registration }
        if let known, registration.sequence <= known.sequence {
            return fail(id, .card, "The sequence number of the card has not grown. Use one above \(known.sequence).")
        }
        if let owner = names[registration.stunName], owner != id, owner != predecessor {
            return fail(id, .protocol, "Another registration has the same STUN key. Use a random one.")
        }
        // A successor with the same STUN key has the same STUN connections.
        var inherited: [(id: BindingID, endpoint: Endpoint)] = []
        var arrivals: [BindingID: IPAddress] = [:]
        if let predecessor {
            if known?.stunKey == registration.stunKey {
                (inherited, arrivals) = (clients[predecessor]?.bindings ?? [], clients[predecessor]?.arrivals ?? [:])
            }
            for binding in inherited { bindingOwners[binding.id] = id }
            fail(predecessor, .replaced, "Another connection of this instance has registered.")
            leave(predecessor, now: now)
        }
        let isNew = client.registration == nil
        guard !isNew || (peers[peer, default: []].count < limits.instancesPerPeer && quotas.take(.registration, client.accounts, now: now)) else {
            disown(inherited)
            return fail(id, .quota, "The quota of registrations is used up. Close some, try again later, or ask the server's operator for more.")
        }
        guard quotas.resize(client.registration?.byteCount ?? 0, to: registration.byteCount, client.accounts) else {
            if isNew { quotas.release(.registration, client.accounts, now: now) }
            disown(inherited)
            return fail(id, .quota, "The memory for registrations is used up. List fewer peers, or try again later.")
        }
        if isNew {
            registrationCount += 1
            clients[id]?.order = registrationCount
            peers[peer, default: []].append(id)
            instances[key] = id
        }
        let isKnown = client.registration.map { $0.admission == registration.admission && $0.expiry > now } ?? false
        if registration.expectedBindings > client.registration?.expectedBindings ?? 0 {
            clients[id]?.bindingDeadline = now + max(.milliseconds(250), client.roundTrip + client.roundTrip)
        }
        if let former = client.registration?.stunName { names[former] = nil }
        names[registration.stunName] = id
        clients[id]?.registration = registration
        for binding in inherited {
            clients[id]?.bindings.append(binding)
            clients[id]?.arrivals[binding.id] = arrivals[binding.id]
        }
        var answer = WireRegistered()
        answer.sequence = registration.sequence
        actions.append(.send(.registered(answer), to: id))
        // A request is judged once for each key.
        if client.registration?.stunKey != registration.stunKey { actions += (parkedByName[registration.stunName] ?? []).map { .settle($0) } }
        // A card that changes alone admits nobody else.
        if !isKnown { meetPending(for: peer, now: now) }
    }

    /// STUN connections are nobody's any more.
    private mutating func disown(_ connections: [(id: BindingID, endpoint: Endpoint)]) {
        for connection in connections {
            bindingOwners[connection.id] = nil
            actions.append(.demote(connection.id))
        }
    }

    mutating func unregister(_ id: ConnectionID, now: NIODeadline) {
        guard let client = clients[id], let registration = client.registration else { return }
        clients[id]?.registration = nil
        _ = quotas.resize(registration.byteCount, to: 0, client.accounts)
        peers.remove(id, of: client.peer)
        instances[InstanceKey(peer: client.peer, instance: client.instance)] = nil
        names[registration.stunName] = nil
        disown(client.bindings.filter { bindingOwners[$0.id] == id })
        clients[id]?.bindings = []
        clients[id]?.arrivals = [:]
        quotas.release(.registration, client.accounts, now: now)
    }

    /// The instance that an attempt reaches: the one that it names, or the one that registered last, among those that admit the dialer and have not declined.
    ///
    /// "Not there" and "not allowed" are one answer of one function.
    func dialable(for attempt: Attempt, now: NIODeadline) -> ConnectionID? {
        guard let caller = clients[attempt.dialer]?.peer else { return nil }
        return (peers[attempt.target] ?? [])
            .filter { id in
                guard id != attempt.dialer, !attempt.declined.contains(id), let registration = clients[id]?.registration else { return false }
                if let instance = attempt.instance, clients[id]?.instance != instance { return false }
                return registration.expiry > now && registration.admission.admits(caller)
            }
            .max { (clients[$0]?.order ?? 0) < (clients[$1]?.order ?? 0) }
    }
}

extension Dictionary where Value == [ConnectionID] {
    /// Takes one connection out of a list, and the list with its last one.
    mutating func remove(_ id: ConnectionID, of key: Key) {
        self[key]?.removeAll { $0 == id }
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}
