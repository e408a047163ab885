#if os(Linux)
import BodkinCore
import Glibc

/// An endpoint in the kernel's form.
enum SocketAddress {
    /// Calls `body` with the endpoint as a `sockaddr`.
    static func with<T>(_ endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T) rethrows -> T {
        var storage = sockaddr_storage()
        let size = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
            bytes.storeBytes(of: UInt16(endpoint.address.family == .v4 ? AF_INET : AF_INET6), as: UInt16.self)
            let offset = endpoint.address.family == .v4 ? 4 : 8
            for (index, byte) in endpoint.address.bytes.enumerated() { bytes[offset + index] = byte }
            return endpoint.address.family == .v4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        }
        return try withUnsafePointer(to: &storage) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(size)) }
        }
    }

    /// Reads the endpoint that `fill` writes, as `getsockname` and `accept` do; nil when it fails.
    static func read(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> (result: Int32, endpoint: Endpoint)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { fill($0, &size) }
        }
        guard result >= 0 else { return nil }
        return withUnsafeBytes(of: &storage) { bytes in
            let isV4 = bytes.load(as: UInt16.self) == UInt16(AF_INET)
            let port = UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
            return IPAddress(bytes: isV4 ? bytes[4..<8] : bytes[8..<24]).map { (result, Endpoint($0, port)) }
        }
    }
}
#endif
