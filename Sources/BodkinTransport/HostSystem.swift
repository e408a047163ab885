package import BodkinCore
package import BodkinProtocols
package import NIOCore

/// The system that a peer runs on: its sockets, its interfaces and its routes. ``KernelSystem`` is the operating system; the virtual hosts of the tests are
/// the other one.
///
/// Everything is called on the peer's event loop, and every future belongs to it.
package protocol HostSystem: Sendable {
    /// Listens for TCP connections.
    /// - Parameters:
    ///   - port: the local port; 0 for one that is free.
    ///   - isShared: whether other sockets may have the same port (SO_REUSEPORT).
    ///   - accept: configures each accepted connection, on the event loop.
    /// - Returns: the listener: its local address names the port, and closing it ends it.
    func listen(
        _ family: IPAddress.Family, port: UInt16, isShared: Bool, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel>

    /// Connects over TCP.
    /// - Parameter configure: is given the channel before anything is sent, so that it can be closed while it still connects.
    func connect(
        _ request: ConnectRequest, on eventLoop: any EventLoop, configure: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel>

    /// The interfaces that are up, with their addresses.
    func interfaces() -> [NetworkInterface]
    /// The default routes, the preferred one of each family first.
    func defaultRoutes() -> [DefaultRoute]
    /// Every address that is assigned, whatever the state of its interface; nil where the system does not tell.
    func assignedAddresses() -> Set<IPAddress>?
    /// How long the machine has been suspended since it started; zero where the system does not tell.
    func suspendedTime() -> Duration
    /// Calls `onChange` whenever the network or the clock may have changed. The result ends that.
    func watch(on eventLoop: any EventLoop, onChange: @escaping (NetworkWatch.Change) -> Void) -> () -> Void
}

/// What a connection is to be made from. ``Gate`` makes one, because nobody else has a ``Passage``.
package struct ConnectRequest: Sendable {
    /// The local port, which the socket shares with others; nil for any, which it has alone.
    package var local: UInt16?
    /// The remote endpoint.
    package let remote: Endpoint
    /// The interface to leave by; nil for the one that the system's routes name.
    package var interface: String?
    /// The time after which the system's retransmissions are given up.
    package var timeout: TimeAmount
    /// Whether the connection reads as soon as it is up.
    package var readsAtOnce: Bool
    /// Whether the connection stays open when the remote end has finished.
    package var allowsHalfClosure = false

    /// A request from its parts.
    package init(
        to passage: Passage, from local: UInt16? = nil, by interface: String? = nil, within timeout: TimeAmount = .seconds(30),
        readsAtOnce: Bool = false
    ) {
        remote = passage.endpoint
        self.local = local
        self.interface = interface
        self.timeout = timeout
        self.readsAtOnce = readsAtOnce
    }
}
