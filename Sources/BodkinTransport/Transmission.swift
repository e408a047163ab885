import BodkinProtocols

/// What the system knows of a TCP connection.
struct Transmission: Sendable {
    /// How many bytes the remote peer's system has acknowledged.
    var acknowledged: UInt64
    /// How many segments have been sent and not been acknowledged.
    var segmentsUnderWay: Int
    /// The size of the largest segment that has come of late, as the system estimates it.
    var largestReceived: Int
    /// How long no packet with data and none with an acknowledgement has come.
    var silence: Duration
}

extension Transmission {
    /// What it says where nothing came though an answer was due.
    var inSilence: SegmentSizing.Silence {
        SegmentSizing.Silence(acknowledged: acknowledged, segmentsUnderWay: segmentsUnderWay, largestReceived: largestReceived)
    }
}

extension Path {
    /// What the system knows of the connection under it; nil for a circuit.
    var transmission: Transmission? { Transmission(channel) }
}
