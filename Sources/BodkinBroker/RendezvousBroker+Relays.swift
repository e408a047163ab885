import BodkinProtocols
package import NIOCore

extension RendezvousBroker {
    /// Sixteen at once, and one in two seconds: either side of a dial asks once, and only of one that stays relayed.
    static func relayQueries(_ now: NIODeadline) -> TokenBucket { TokenBucket(rate: 0.5, burst: 16, now: now) }

    /// A peer asks for the TURN relays that it may use. One that asks too often is told of none.
    package mutating func queryRelays(_ id: ConnectionID, now: NIODeadline) {
        guard clients[id]?.registration != nil else {
            return fail(id, .protocol, "The connection has no registration. Register before a relay query.")
        }
        guard clients[id]?.relayQueries.take(now: now) == true else { return actions.append(.send(.relays(WireRelays()), to: id)) }
        actions.append(.giveRelays(to: id))
    }
}
