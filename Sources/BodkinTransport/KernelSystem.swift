package import BodkinCore
import BodkinSystem
package import NIOCore
import NIOPosix

/// The operating system as a ``HostSystem``. Sockets and interfaces are those of the network that the event loop's thread is in.
package struct KernelSystem: HostSystem {
    /// The operating system.
    package init() {}

    package func listen(
        _ family: IPAddress.Family, port: UInt16, isShared: Bool, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        eventLoop.makeCompletedFuture { try SocketAddress(Endpoint(.unspecified(family), port)) }.flatMap { address in
            var listener = ServerBootstrap(group: eventLoop)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(SocketOptions.reuseAddress, value: 1)
                // A process whose descriptors are all in use rests, as the server does.
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try DescriptorReserve.check(channel)
                        try channel.pipeline.syncOperations.addHandler(AcceptThrottle(upTo: 4))
                    }
                }
                .childChannelInitializer { channel in eventLoop.makeCompletedFuture { try accept.value(channel) } }
            if family == .v6 { listener = listener.serverChannelOption(SocketOptions.onlyIPv6, value: 1) }
            if isShared { listener = listener.serverChannelOption(SocketOptions.reusePort, value: 1) }
            return listener.bind(to: address)
        }
    }

    package func connect(
        _ request: ConnectRequest, on eventLoop: any EventLoop, configure: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        eventLoop.makeCompletedFuture {
            let local = try request.local.map { try SocketAddress(Endpoint(.unspecified(request.remote.address.family), $0)) }
            return (local, try SocketAddress(request.remote))
        }.flatMap { local, remote in
            var client = ClientBootstrap(group: eventLoop)
                .channelOption(.autoRead, value: request.readsAtOnce)
                .channelOption(ChannelOptions.allowRemoteHalfClosure, value: request.allowsHalfClosure)
                .connectTimeout(request.timeout)
                .channelInitializer { channel in
                    eventLoop.makeCompletedFuture {
                        try DescriptorReserve.check(channel)
                        try configure.value(channel)
                    }.flatMap {
                        request.interface.map { InterfaceBinding.bind(channel, to: $0) } ?? eventLoop.makeSucceededVoidFuture()
                    }
                }
            if let local {
                client = client.channelOption(SocketOptions.reuseAddress, value: 1).channelOption(SocketOptions.reusePort, value: 1).bind(to: local)
            }
            return client.connect(to: remote)
        }
    }

    package func interfaces() -> [NetworkInterface] { NetworkInterface.current() }
    package func defaultRoutes() -> [DefaultRoute] { DefaultRoute.current() }
    package func assignedAddresses() -> Set<IPAddress>? { NetworkInterface.assignedAddresses() }

    package func suspendedTime() -> Duration { SystemEvents.suspendedTime() }

    package func watch(on eventLoop: any EventLoop, onChange: @escaping (NetworkWatch.Change) -> Void) -> () -> Void {
        let watch = NetworkWatch(on: eventLoop, onChange: onChange)
        return { watch.close() }
    }
}
