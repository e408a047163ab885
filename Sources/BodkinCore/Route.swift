/// How two peers are connected.
@nonexhaustive
public enum Route: String, Hashable, Sendable {
    /// A TCP connection between the two.
    case direct
    /// Bytes that the rendezvous server relays, encrypted end to end.
    case circuit
    /// Bytes that a TURN relay passes on, encrypted end to end.
    case turn
}
