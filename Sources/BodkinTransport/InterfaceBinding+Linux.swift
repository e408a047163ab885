#if os(Linux)
import NIOCore

/// Ties a socket to an interface, whatever the routes prefer. Unprivileged since Linux 5.7.
enum InterfaceBinding {
    /// IFNAMSIZ of linux/if.h, with the terminating zero.
    private typealias Name = (UInt64, UInt64)
    /// SO_BINDTODEVICE of asm-generic/socket.h.
    private static let bindToDevice = NIOBSDSocket.Option(rawValue: 25)

    static func bind(_ channel: any Channel, to interface: String) -> EventLoopFuture<Void> {
        var name: Name = (0, 0)
        withUnsafeMutableBytes(of: &name) { $0.copyBytes(from: interface.utf8.prefix(15)) }
        guard let provider = channel as? any SocketOptionProvider else { return channel.eventLoop.makeSucceededVoidFuture() }
        return provider.unsafeSetSocketOption(level: .socket, name: bindToDevice, value: name)
    }
}
#else
import NIOCore

/// The system's routes decide here.
enum InterfaceBinding {
    static func bind(_ channel: any Channel, to interface: String) -> EventLoopFuture<Void> { channel.eventLoop.makeSucceededVoidFuture() }
}
#endif
