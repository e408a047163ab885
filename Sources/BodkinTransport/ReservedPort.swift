package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The one TCP port of a peer: it listens there, it connects from there, and the connections that keep its NAT bindings leave from there.
///
/// All its sockets share the port by SO_REUSEADDR and SO_REUSEPORT. Confined to its event loop.
package final class ReservedPort {
    /// Its number.
    package let number: UInt16
    /// The families it could be bound in.
    package let families: [IPAddress.Family]
    private let gate: Gate
    private let eventLoop: any EventLoop
    private let listeners: [any Channel]

    private init(number: UInt16, gate: Gate, eventLoop: any EventLoop, listeners: [(IPAddress.Family, any Channel)]) {
        self.number = number
        self.gate = gate
        self.eventLoop = eventLoop
        self.families = listeners.map(\.0)
        self.listeners = listeners.map(\.1)
        for listener in self.listeners { gate.watch(listener) }
    }

    /// Reserves a port and listens on it.
    /// - Parameters:
    ///   - number: the port; 0 for one that is free.
    ///   - accept: configures each accepted connection, on the event loop.
    /// - Throws: ``TransportError`` with `portInUse` when another program has it.
    package static func open(
        _ number: UInt16, through gate: Gate, on eventLoop: any EventLoop, accept: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<NIOLoopBound<ReservedPort>> {
        let accept = NIOLoopBound(accept, eventLoop: eventLoop)
        // A free port may be taken in the other family: a few random choices are enough on any machine that has ports left.
        return open(number, through: gate, on: eventLoop, accept: accept, draws: number == 0 ? 8 : 1)
    }

    private static func open(
        _ number: UInt16, through gate: Gate, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>, draws: Int
    ) -> EventLoopFuture<NIOLoopBound<ReservedPort>> {
        listen(number, .v4, of: gate.system, on: eventLoop, accept).flatMap { v4 in
            let port = UInt16(v4.localAddress?.port ?? 0)
            return listen(port, .v6, of: gate.system, on: eventLoop, accept).map { v6 in [(.v4, v4), (.v6, v6)] }
                .flatMapError { error in
                    // A host without IPv6 has one family; a port that is taken there is no reserved port.
                    guard (error as? IOError)?.errnoCode == EADDRINUSE else { return eventLoop.makeSucceededFuture([(.v4, v4)]) }
                    return v4.close().flatMap { eventLoop.makeFailedFuture(error) }
                }
                .map { (listeners: [(IPAddress.Family, any Channel)]) in
                    NIOLoopBound(ReservedPort(number: port, gate: gate, eventLoop: eventLoop, listeners: listeners), eventLoop: eventLoop)
                }
        }.flatMapError { error in
            if (error as? IOError)?.errnoCode == EADDRINUSE, draws > 1 {
                return open(number, through: gate, on: eventLoop, accept: accept, draws: draws - 1)
            }
            return eventLoop.makeFailedFuture(TransportError.port(number, error))
        }
    }

    private static func listen(
        _ number: UInt16, _ family: IPAddress.Family, of system: any HostSystem, on eventLoop: any EventLoop,
        _ accept: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        func listen(isShared: Bool) -> EventLoopFuture<any Channel> {
            system.listen(family, port: number, isShared: isShared, on: eventLoop, accept: accept)
        }
        guard number != 0 else { return listen(isShared: true) }
        // With SO_REUSEPORT alone, a second peer on the same port would be given half of the first one's connections: a socket without it finds out.
        return listen(isShared: false).flatMap { $0.close() }.flatMap {
            shared(number, family, of: system, on: eventLoop, accept, repetitions: 100)
        }
    }

    /// Listens on a port that was free just now. A process that this one has forked meanwhile may hold a copy of the socket that found out, until it runs its own program.
    private static func shared(
        _ number: UInt16, _ family: IPAddress.Family, of system: any HostSystem, on eventLoop: any EventLoop,
        _ accept: NIOLoopBound<(any Channel) throws -> Void>, repetitions: Int
    ) -> EventLoopFuture<any Channel> {
        system.listen(family, port: number, isShared: true, on: eventLoop, accept: accept).flatMapError { error in
            guard (error as? IOError)?.errnoCode == EADDRINUSE, repetitions > 0 else { return eventLoop.makeFailedFuture(error) }
            return eventLoop.flatScheduleTask(in: .milliseconds(10)) {
                shared(number, family, of: system, on: eventLoop, accept, repetitions: repetitions - 1)
            }.futureResult
        }
    }

    /// Connects from the reserved port.
    /// - Parameters:
    ///   - interface: the interface to leave by; nil for the one that the system's routes name.
    ///   - timeout: after which the system's retransmissions are given up.
    ///   - started: is given the channel before anything is sent, so that it can be closed while it still connects.
    package func connect(
        to endpoint: Endpoint, interface: String? = nil, timeout: TimeAmount = .seconds(30), for purpose: OutboundGate.Purpose,
        started: @escaping (any Channel) -> Void
    ) -> EventLoopFuture<any Channel> {
        gate.connect(to: endpoint, from: number, by: interface, within: timeout, for: purpose, configure: started)
    }

    /// Forgets a half-dead connection, so that its endpoints are free at once. The RST by which the system does that ends at the first router: our own NAT
    /// may see it, which our next SYN makes good; the remote peer's, in which the hole must stay open, does not.
    package static func discard(_ channel: any Channel) {
        guard let provider = channel as? any SocketOptionProvider else { return closeBelowTLS(channel) }
        let hops = CInt(1)
        let isIPv6 = channel.localAddress?.protocol == .inet6
        let limit = provider.unsafeSetSocketOption(level: isIPv6 ? .ipv6 : .ip, name: SocketOptions.hopLimit(isIPv6: isIPv6), value: hops)
        limit.and(provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))).assumeIsolated().whenComplete { _ in closeBelowTLS(channel) }
    }

    /// TLS would wait for the remote end's close_notify.
    static func closeBelowTLS(_ channel: any Channel) {
        let pipeline = channel.pipeline.syncOperations
        let client = try? pipeline.context(handlerType: NIOSSLClientHandler.self)
        guard let tls = client ?? (try? pipeline.context(handlerType: NIOSSLServerHandler.self)) else { return channel.close(promise: nil) }
        tls.close(promise: nil)
    }

    /// Stops listening.
    package func close() {
        for listener in listeners { listener.close(promise: nil) }
    }
}
