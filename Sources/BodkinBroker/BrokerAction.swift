package import BodkinCore
package import BodkinProtocols
package import FoundationEssentials

/// What the broker wants done, in this order.
package enum BrokerAction: Sendable, Equatable {
    /// Send a message, ahead of circuits.
    case send(WireEnvelope.OneOf_Body, to: ConnectionID)
    /// Queue bytes of a circuit.
    case relay(Data, AttemptID, to: ConnectionID)
    /// End a circuit behind what is queued of it.
    case endCircuit(AttemptID, WireCircuitClose.Reason, to: ConnectionID)
    /// Forget what is queued of a circuit.
    case dropCircuit(AttemptID, at: ConnectionID)
    /// Send a last message, and close.
    case fail(WireFailure.Code, String, ConnectionID)
    /// Connect to these endpoints, and tell the peer what became of it.
    case dialBack([DialBackTarget], to: ConnectionID)
    /// Give a peer the TURN relays, with fresh credentials.
    case giveRelays(to: ConnectionID)
    /// A parked STUN request may find its key now, or has waited long enough.
    case settle(BindingID)
    /// A STUN connection is nobody's any more.
    case demote(BindingID)
}
