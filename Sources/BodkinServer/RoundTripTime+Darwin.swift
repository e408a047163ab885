#if canImport(Darwin)
import NIOCore

extension Channel {
    /// Calls `body` with zero: unknown, so that both sides fire when they have the Meet.
    func measureRoundTrip(_ body: @escaping @Sendable (TimeAmount) -> Void) { body(.zero) }
}

extension ChannelOptions.Types.SocketOption {
    /// TCP_NOTSENT_LOWAT: how much unsent data makes a socket not writable. Without it megabytes of one circuit stand before the next Meet.
    static let unsentLimit = Self(level: .tcp, name: .init(rawValue: 0x201))
}
#endif
