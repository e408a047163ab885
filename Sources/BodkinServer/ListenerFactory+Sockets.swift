import BodkinBroker
import BodkinCore
import BodkinMetrics
import BodkinTransport
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension ListenerFactory {
    /// Binds every address on one port; the system chooses it where `port` is 0. A wildcard of a family that the machine lacks is left out.
    func bindAll(
        _ addresses: [IPAddress], _ port: UInt16, _ listener: ServerError.Listener, _ bind: (Endpoint) async throws -> Endpoint
    ) async throws -> [Endpoint] {
        let count = sockets.count
        // A chosen port is free for the first socket, and may be taken for another.
        var attempts = port == 0 ? 16 : 1
        while true {
            attempts -= 1
            var bound: [Endpoint] = []
            do {
                for address in addresses {
                    do {
                        bound.append(try await bind(Endpoint(address, bound.first?.port ?? port)))
                    } catch let error as IOError where Self.isMissing(error) && address == .unspecified(address.family) && addresses.count > 1 {
                        logger.info("not listening on a family that is not there", metadata: ["address": "\(address)"])
                    }
                }
                guard bound.isEmpty else { return bound }
                throw ServerError(.bind, "The host has no address of this family. Give another address.")
            } catch {
                await sockets.close(after: count)
                if attempts > 0, (error as? IOError)?.errnoCode == EADDRINUSE { continue }
                throw Self.refusal(error, addresses, port, listener)
            }
        }
    }

    private static func isMissing(_ error: IOError) -> Bool { error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL }

    private static func refusal(_ error: any Error, _ addresses: [IPAddress], _ port: UInt16, _ listener: ServerError.Listener) -> ServerError {
        if let error = error as? ServerError { return error }
        let place = "\(listener.rawValue) port \(port) of \(addresses.map(\.description).joined(separator: ", "))"
        let (reason, advice) =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: ("another program uses it", "Stop that program, or choose another port.")
            case EACCES: ("the system reserves it", "Choose a port from 1024 to 65535, or grant CAP_NET_BIND_SERVICE.")
            case EADDRNOTAVAIL: ("the host has no such address", "Give an address of this host.")
            default: ("\(error)", "Choose another port or address.")
            }
        return ServerError(.bind, "The server cannot listen on the \(place), because \(reason). \(advice)", cause: error, listener: listener)
    }

    /// How many connections one turn accepts.
    private static let acceptCount = 64

    /// Listens; `setUp` gets each connection's channel on its own event loop.
    /// - Parameter kind: what the connections are counted as; nil for pages.
    func bindTCP(
        _ endpoint: Endpoint, as kind: PlaceLimits.Kind?, _ setUp: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> Endpoint {
        let connections = connections
        let places = places
        let pages = pages
        let shortage = shortage
        let group = group
        let logger = logger
        let address = try endpoint.socketAddress()
        // A socket belongs to the network of the thread that makes it: that is to be the group's, wherever it lives.
        let channel = try await group.next().flatSubmit {
            let bootstrap = ServerBootstrap(group: group)
                // The kernel drops a SYN while the queue is full, and the client repeats it after a second. So the queue is long, and one turn takes many out of it.
                .serverChannelOption(.backlog, value: 4_096)
                .serverChannelOption(.maxMessagesPerRead, value: UInt(Self.acceptCount))
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let isCrowded = { kind == nil ? pages.isCrowded : places.isCrowded }
                        try channel.pipeline.syncOperations.addHandler(
                            AcceptThrottle(logger, notice: shortage, upTo: Self.acceptCount, isCrowded: isCrowded) {
                                guard let kind else {
                                    pages.accept($0)
                                    return true
                                }
                                return places.accept($0, kind)
                            })
                    }
                }
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(ChannelOptions.Types.SocketOption.unsentLimit, value: 131_072)
                // Two TLS records: what is written beyond that could not be overtaken by a Meet.
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 16_384, high: 32_768))
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        connections.add(channel)
                        try setUp(channel)
                    }
                }
            if endpoint.address.family == .v6 { _ = bootstrap.serverChannelOption(ChannelOptions.Types.SocketOption.isIPv6Only, value: 1) }
            return bootstrap.bind(to: address)
        }.get()
        sockets.add(channel)
        guard let bound = Endpoint(channel.localAddress) else { throw ServerError(.bind, "\(endpoint) is not an IP endpoint. Give another address.") }
        return bound
    }

    /// Answers STUN over UDP.
    func bindUDP(_ endpoint: Endpoint, _ stunSockets: STUNSocketTable) async throws {
        let group = group
        let address = try endpoint.socketAddress()
        let channel = try await group.next().flatSubmit {
            let bootstrap = DatagramBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramResponder(local: endpoint, sockets: stunSockets))
                    }
                }
            if endpoint.address.family == .v6 { _ = bootstrap.channelOption(ChannelOptions.Types.SocketOption.isIPv6Only, value: 1) }
            return bootstrap.bind(to: address)
        }.get()
        sockets.add(channel)
        stunSockets.add(channel, at: endpoint)
    }
}

extension ChannelOptions.Types.SocketOption {
    /// IPV6_V6ONLY: `::` leaves IPv4 to the socket at `0.0.0.0`, so that no source is an IPv4 address in IPv6 clothes.
    static let isIPv6Only = Self(level: .ipv6, name: .ipv6_v6only)
}
