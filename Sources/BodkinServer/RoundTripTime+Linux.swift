#if os(Linux)
import NIOCore

/// The kernel's measurements of a TCP connection: the first 152 bytes of `struct tcp_info` of linux/tcp.h, whose layout never changes.
private struct KernelTCPInfo: Sendable {
    typealias Sixteen = (
        UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32
    )

    /// Bytes 0 to 67: until tcpi_rcv_ssthresh.
    var first: Sixteen
    var receiveThreshold: UInt32
    /// Bytes 68 to 71, in microseconds.
    var smoothedRoundTrip: UInt32
    /// Bytes 72 to 147.
    var second: Sixteen
    var third: (UInt32, UInt32, UInt32)
    /// Bytes 148 to 151, in microseconds; since Linux 4.6. All ones where it is not known.
    var minimumRoundTrip: UInt32
}

extension Channel {
    /// Calls `body` with the shortest round trip that the kernel has measured lately; with the smoothed one, or zero, where it has none.
    ///
    /// The shortest, because what counts is how long a packet travels, not how long a busy host takes to acknowledge it.
    func measureRoundTrip(_ body: @escaping @Sendable (TimeAmount) -> Void) {
        guard let provider = self as? any SocketOptionProvider else { return body(.zero) }
        let information: EventLoopFuture<KernelTCPInfo> = provider.unsafeGetSocketOption(level: .tcp, name: .init(rawValue: 11))  // TCP_INFO
        information.whenComplete { result in
            guard case .success(let information) = result else { return body(.zero) }
            let isKnown = information.minimumRoundTrip != 0 && information.minimumRoundTrip != .max
            body(.microseconds(Int64(isKnown ? information.minimumRoundTrip : information.smoothedRoundTrip)))
        }
    }
}
#endif
