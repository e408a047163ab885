package import BodkinCore
package import BodkinProtocols
import FoundationEssentials
package import NIOCore

extension RendezvousBroker {
    /// A registration whose key may verify a STUN connection's request.
    package struct Claim: Sendable {
        /// Whose it is.
        package let connection: ConnectionID
        /// The key of its credential.
        package let key: [UInt8]
    }

    /// The registration that a user name belongs to.
    package func claim(of name: BindingName) -> Claim? {
        names[name].flatMap { id in clients[id]?.registration.map { Claim(connection: id, key: $0.stunKey) } }
    }

    /// Keeps a request until a registration with its user name comes; false where it must be answered now.
    /// - Parameter tried: the registration whose key has not verified it.
    package mutating func park(_ binding: BindingID, name: BindingName, tried: Claim?, source: IPAddress, now: NIODeadline) -> Bool {
        // The registration may have come while the request was judged.
        if let owner = names[name], owner != tried?.connection {
            if parked[binding] == nil { guard enter(binding, name, source, now) else { return false } }
            actions.append(.settle(binding))
            return true
        }
        if let known = parked[binding] {
            guard known.deadline > now else {
                unpark(binding)
                return false
            }
            return known.name == name
        }
        return enter(binding, name, source, now)
    }

    private mutating func enter(_ binding: BindingID, _ name: BindingName, _ source: IPAddress, _ now: NIODeadline) -> Bool {
        let source = Account(source: source)
        guard parked.count < limits.parked, parkedBySource[source, default: 0] < limits.parkedPerSource,
            parkedByName[name, default: []].count < limits.parkedPerName
        else { return false }
        let deadline = now + limits.parkedLifetime
        parked[binding] = Parked(name: name, source: source, deadline: deadline)
        parkedByName[name, default: []].append(binding)
        parkedBySource[source, default: 0] += 1
        schedule(.parked(binding), at: deadline)
        return true
    }

    private mutating func unpark(_ binding: BindingID) {
        guard let entry = parked.removeValue(forKey: binding) else { return }
        parkedByName[entry.name]?.removeAll { $0 == binding }
        if parkedByName[entry.name]?.isEmpty == true { parkedByName[entry.name] = nil }
        let count = (parkedBySource[entry.source] ?? 1) - 1
        parkedBySource[entry.source] = count > 0 ? count : nil
    }

    /// The instance that registered on `id` has authenticated a TCP connection: its source is observed as long as it lasts.
    /// - Parameter arrival: the server's address that it goes to, where that is known.
    package mutating func prove(_ binding: BindingID, _ id: ConnectionID, endpoint: Endpoint, at arrival: IPAddress? = nil, now: NIODeadline) {
        unpark(binding)
        guard clients[id]?.registration != nil, bindingOwners[binding] != id else { return }
        forget(binding)
        if let oldest = clients[id]?.bindings.first, clients[id]?.bindings.count ?? 0 >= Registration.maximumBindings {
            forget(oldest.id)
            actions.append(.demote(oldest.id))
        }
        bindingOwners[binding] = id
        clients[id]?.bindings.append((binding, endpoint))
        clients[id]?.arrivals[binding] = arrival
        for attempt in clients[id]?.attempts ?? [] { tellObserved(attempt, of: id, now: now) }
        guard let client = clients[id], client.bindings.count >= client.registration?.expectedBindings ?? 0 else { return }
        for attempt in client.waiting { meet(attempt, now: now) }
    }

    /// An authentication that comes after the Meet, as when a packet was lost: the remote peer may connect there from now on. The number is bounded like that
    /// of signals, because a peer can authenticate dozens of connections.
    private mutating func tellObserved(_ id: AttemptID, of connection: ConnectionID, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.isDirect, let side = attempt.side(of: connection),
            let other = attempt.other(than: side), let client = clients[connection],
            attempts[id]?.signals[side.rawValue].take(now: now) == true
        else { return }
        var observed = WireObserved()
        observed.attempt = Data(id.bytes)
        observed.observed = client.bindings.map { WireTransportAddress($0.endpoint) }
        actions.append(.send(.observed(observed), to: other))
    }

    /// A TCP connection to the STUN port has ended.
    package mutating func bindingClosed(_ binding: BindingID) {
        unpark(binding)
        forget(binding)
    }

    private mutating func forget(_ binding: BindingID) {
        guard let owner = bindingOwners.removeValue(forKey: binding) else { return }
        clients[owner]?.bindings.removeAll { $0.id == binding }
        clients[owner]?.arrivals[binding] = nil
    }
}
