/// What the system knows of a TCP connection.
struct Transmission {
    /// How many bytes the remote peer's system has acknowledged.
    var acknowledged: UInt64
    /// How many segments have been sent and not been acknowledged.
    var segmentsUnderWay: Int
    /// How long no packet with data and none with an acknowledgement has come.
    var silence: Duration
}

extension Path {
    /// What the system knows of the connection under it; nil for a circuit.
    var transmission: Transmission? { Transmission(channel) }
}
