#if os(Linux)
package import BodkinCore
import BodkinEmulation
import Glibc

/// A plain TCP socket, non-blocking underneath, with the two REUSE options, for exercises in a lab. Make it inside ``LabHost/run(_:)``.
///
/// Its waits block the calling thread, so they belong inside ``LabHost/run(_:)`` too.
package final class TCPSocket: Sendable {
    /// How a connection attempt went.
    package enum Outcome: Sendable, Hashable {
        /// Established.
        case connected
        /// The kernel gave up: ECONNREFUSED after an RST, EHOSTUNREACH and the like after ICMP.
        case failed(Int32)
        /// Nothing came back in time.
        case timedOut
    }

    private let descriptor: Descriptor

    private init(_ descriptor: Descriptor) { self.descriptor = descriptor }

    /// A socket bound to a local endpoint, port 0 letting the kernel choose, and to an interface (SO_BINDTODEVICE) where `device` names one.
    package static func bound(to local: Endpoint, device: String? = nil) throws -> TCPSocket {
        let raw = socket(
            local.address.family == .v4 ? AF_INET : AF_INET6,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw LabError(.system, "no socket: \(text(of: errno))", errorNumber: errno) }
        let result = TCPSocket(Descriptor(raw))
        var one: Int32 = 1
        setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        setsockopt(raw, SOL_SOCKET, SO_REUSEPORT, &one, 4)
        if let device {
            try check(setsockopt(raw, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count)), "\(device) cannot be bound to")
        }
        try check(SocketAddress.with(local) { bind(raw, $0, $1) }, "\(local) cannot be bound")
        return result
    }

    /// A listening socket, of one interface where `device` names it.
    package static func listening(on port: UInt16, _ family: IPAddress.Family = .v4, device: String? = nil) throws -> TCPSocket {
        let result = try bound(to: Endpoint(.unspecified(family), port), device: device)
        try check(listen(result.descriptor.raw, 64), "port \(port) cannot be listened on")
        return result
    }

    /// A socket whose SYN is on its way.
    package static func connecting(from local: Endpoint, to remote: Endpoint, device: String? = nil) throws -> TCPSocket {
        let result = try bound(to: local, device: device)
        let code = SocketAddress.with(remote) { connect(result.descriptor.raw, $0, $1) }
        if code < 0 && errno != EINPROGRESS { throw LabError(.system, "no connection to \(remote): \(text(of: errno))", errorNumber: errno) }
        return result
    }

    /// A socket whose SYN is on its way, from a port of whatever address the route prefers, out of `device` where it names an interface.
    package static func connecting(from port: UInt16 = 0, to remote: Endpoint, device: String? = nil) throws -> TCPSocket {
        try connecting(from: Endpoint(.unspecified(remote.address.family), port), to: remote, device: device)
    }

    /// The local endpoint.
    package var localEndpoint: Endpoint? { SocketAddress.read { getsockname(descriptor.raw, $0, $1) }?.endpoint }

    /// Waits until the connection is established or has failed.
    package func waitForConnection(_ timeout: Duration) -> Outcome {
        guard wait(for: Int16(POLLOUT), timeout) else { return .timedOut }
        var code: Int32 = 0
        var size = socklen_t(4)
        getsockopt(descriptor.raw, SOL_SOCKET, SO_ERROR, &code, &size)
        return code == 0 ? .connected : .failed(code)
    }

    /// Waits for a connection; nil when none came in time.
    package func accept(_ timeout: Duration) -> (socket: TCPSocket, remote: Endpoint)? {
        guard wait(for: Int16(POLLIN), timeout) else { return nil }
        guard let (raw, remote) = SocketAddress.read({ Glibc.accept(descriptor.raw, $0, $1) }) else { return nil }
        let socket = TCPSocket(Descriptor(raw))
        _ = fcntl(raw, F_SETFL, O_NONBLOCK)
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        return (socket, remote)
    }

    /// Writes what the send buffer takes; false when the connection is gone.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool { Glibc.send(descriptor.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count }

    /// Waits for bytes; empty at the end of the stream, nil when the connection failed or nothing came in time.
    package func receive(_ timeout: Duration, atMost limit: Int = 65_536) -> [UInt8]? {
        guard wait(for: Int16(POLLIN), timeout) else { return nil }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor.raw, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer.prefix(count))
    }

    private func wait(for events: Int16, _ timeout: Duration) -> Bool {
        var request = pollfd(fd: descriptor.raw, events: events, revents: 0)
        return poll(&request, 1, Int32(clamping: Int64(timeout.milliseconds.rounded(.up)))) > 0
    }

    private static func check(_ result: Int32, _ failure: String) throws {
        if result < 0 { throw LabError(.system, "\(failure): \(text(of: errno))", errorNumber: errno) }
    }
}
#endif
