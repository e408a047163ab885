public import BodkinCore
public import NIOCore

extension Endpoint {
    /// The endpoint of a socket address; nil for what is no IP address. An IPv4 address mapped into IPv6 counts as IPv4.
    public init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress, let port = address?.port, let number = UInt16(exactly: port) else { return nil }
        let mapped = "::ffff:"
        guard let address = IPAddress(text.hasPrefix(mapped) ? String(text.dropFirst(mapped.count)) : text) else { return nil }
        self.init(address, number)
    }
}

extension SocketAddress {
    /// The socket address of an endpoint.
    public init(_ endpoint: Endpoint) throws {
        try self.init(packedIPAddress: ByteBuffer(bytes: endpoint.address.bytes), port: Int(endpoint.port))
    }
}
