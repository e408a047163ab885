import BodkinProtocols

/// What the system knows of a TCP connection.
struct Transmission: Sendable {
    /// How many bytes the remote peer's system has acknowledged.
    var acknowledged: UInt64
    /// How many bytes the system has been given to send, or somewhat more: it tells the number of segments that are under way, not their size.
    var taken: UInt64
    /// How many segments have been sent and not been acknowledged.
    var segmentsUnderWay: Int
    /// The size of the largest segment that has come of late, as the system estimates it.
    var largestReceived: Int
    /// How long no packet with new data has come.
    var dataSilence: Duration
    /// How long no packet with an acknowledgement has come.
    var acknowledgementSilence: Duration
    /// How long no packet has come.
    var silence: Duration { min(dataSilence, acknowledgementSilence) }
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
