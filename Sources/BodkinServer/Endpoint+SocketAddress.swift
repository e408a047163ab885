import BodkinCore
import NIOCore

extension Endpoint {
    /// The endpoint of a socket; nil for other kinds of socket.
    init?(_ address: SocketAddress?) {
        guard let address, let port = address.port.flatMap({ UInt16(exactly: $0) }), let text = address.ipAddress?.split(separator: "%").first,
            let ip = IPAddress(String(text))
        else { return nil }
        self.init(ip, port)
    }

    /// The endpoint as NIO takes it.
    func socketAddress() throws -> SocketAddress { try SocketAddress(ipAddress: address.description, port: Int(port)) }
}
