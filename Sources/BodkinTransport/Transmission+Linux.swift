#if os(Linux)
import NIOCore

/// The first 152 bytes of `struct tcp_info` of linux/tcp.h, whose layout never changes.
private struct Information: Sendable {
    typealias Four = (UInt32, UInt32, UInt32, UInt32)
    typealias Five = (UInt64, UInt64, UInt64, UInt64, UInt64)

    /// Bytes 0 to 15: until tcpi_ato.
    var first: Four
    /// tcpi_snd_mss.
    var segmentSize: UInt32
    /// tcpi_rcv_mss.
    var largestReceived: UInt32
    /// tcpi_unacked.
    var unacknowledgedSegments: UInt32
    /// Until tcpi_last_ack_sent.
    var second: (Four, UInt32, UInt32)
    /// tcpi_last_data_recv and tcpi_last_ack_recv, in milliseconds.
    var sinceData: UInt32
    var sinceAcknowledgement: UInt32
    /// tcpi_pmtu.
    var pathMTU: UInt32
    /// Bytes 64 to 119: until tcpi_max_pacing_rate.
    var third: (UInt64, UInt64, Five)
    /// tcpi_bytes_acked (RFC 4898 tcpEStatsAppHCThruOctetsAcked), since Linux 4.1.
    var acknowledged: UInt64
    /// Until tcpi_segs_in.
    var fourth: (UInt64, UInt64)
    /// tcpi_notsent_bytes, since Linux 4.6.
    var unsent: UInt32
    /// tcpi_min_rtt.
    var leastRoundTrip: UInt32
}

extension Transmission {
    /// What the system knows of the connection under a channel; nil for what is none of its own.
    init?(_ channel: any Channel) {
        guard let provider = channel as? any SocketOptionProvider else { return nil }
        let information: EventLoopFuture<Information> = provider.unsafeGetSocketOption(level: .tcp, name: SocketOptions.connectionInformation)
        // On the event loop the answer is there at once.
        var result: Transmission?
        information.assumeIsolated().whenSuccess {
            result = Transmission(
                acknowledged: $0.acknowledged,
                taken: $0.acknowledged + UInt64($0.unacknowledgedSegments) * UInt64($0.segmentSize) + UInt64($0.unsent),
                segmentsUnderWay: Int($0.unacknowledgedSegments), largestReceived: Int($0.largestReceived),
                dataSilence: .milliseconds($0.sinceData), acknowledgementSilence: .milliseconds($0.sinceAcknowledgement))
        }
        guard let result else { return nil }
        self = result
    }
}
#endif
