package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The socket options that NIO has no name for.
package enum SocketOptions {
    /// SO_REUSEADDR.
    package static let reuseAddress = ChannelOptions.Types.SocketOption(level: .socket, name: .so_reuseaddr)
    /// SO_REUSEPORT.
    package static let reusePort = ChannelOptions.Types.SocketOption(level: .socket, name: NIOBSDSocket.Option(rawValue: SO_REUSEPORT))
    /// IPV6_V6ONLY.
    static let onlyIPv6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
    /// IP_TTL, or IPV6_UNICAST_HOPS.
    static func hopLimit(isIPv6: Bool) -> NIOBSDSocket.Option { NIOBSDSocket.Option(rawValue: isIPv6 ? IPV6_UNICAST_HOPS : IP_TTL) }
    /// TCP_INFO, or what Darwin has in its place: TCP_CONNECTION_INFO.
    #if canImport(Darwin)
    static let connectionInformation = NIOBSDSocket.Option(rawValue: 0x106)
    #else
    static let connectionInformation = NIOBSDSocket.Option(rawValue: 11)
    #endif
}

extension ChannelOptions.Types.SocketOption {
    /// TCP_MAXSEG, which has one number everywhere: the largest segment, of a connection to come.
    static let segmentLimit = Self(level: .tcp, name: .init(rawValue: 2))
    /// TCP_NOTSENT_LOWAT: how much unsent data makes a socket not writable. Without it megabytes of one circuit stand before the next Meet, and megabytes of a
    /// replay before what is new.
    #if canImport(Darwin)
    package static let unsentLimit = Self(level: .tcp, name: .init(rawValue: 0x201))
    #else
    package static let unsentLimit = Self(level: .tcp, name: .init(rawValue: 25))
    #endif
}
