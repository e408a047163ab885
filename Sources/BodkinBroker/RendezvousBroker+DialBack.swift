import BodkinCore
import BodkinProtocols
package import NIOCore

extension RendezvousBroker {
    /// Two at once, two a minute: a person checks a network seldom.
    static func dialBacks(_ now: NIODeadline) -> TokenBucket { TokenBucket(rate: 2.0 / 60, burst: 2, now: now) }

    /// Has the server connect to the source of the newest authenticated STUN connection of each family.
    ///
    /// It counts as a dial of its user too, so that registering anew gains little.
    package mutating func dialBack(_ id: ConnectionID, now: NIODeadline) {
        guard let client = clients[id], client.registration != nil else {
            return fail(id, .protocol, "The connection has no registration. Register before a dial-back.")
        }
        let targets = [IPAddress.Family.v4, .v6].compactMap { family in
            client.bindings.last { $0.endpoint.address.family == family }.map { DialBackTarget($0.endpoint, arrival: client.arrivals[$0.id]) }
        }
        var answer = WireDialedBack()
        guard !targets.isEmpty else { return actions.append(.send(.dialedBack(answer), to: id)) }
        guard clients[id]?.dialBacks.take(now: now) == true, quotas.takeDial(client.accounts, now: now) else {
            answer.quota = true
            return actions.append(.send(.dialedBack(answer), to: id))
        }
        actions.append(.dialBack(targets, to: id))
    }
}
