package import BodkinCore
package import BodkinEmulation
import BodkinSystem
package import BodkinTransport
package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A host of the virtual network: its interfaces, its listeners, its connections. Confined to the network's event loop.
package final class VirtualHost: HostSystem, @unchecked Sendable {
    /// Two endpoints, seen from here.
    private struct Tuple: Hashable {
        let local: Endpoint
        let remote: Endpoint
    }

    package let name: String
    package let loop: any EventLoop
    private unowned let network: VirtualNetwork
    private var links: [Topology.Interface]
    private var listeners: [UInt16: VirtualListener] = [:]
    private var connections: [Tuple: VirtualChannel] = [:]
    private var watchers: [Int: (NetworkWatch.Change) -> Void] = [:]
    private var watcherCount = 0
    private var random: SeededGenerator
    /// How many connections the system lets there be at once: a process has so many descriptors.
    package var connectionLimit = Int.max
    /// How many SYNs have come, repeated ones among them, and from where.
    package private(set) var requestCounts: [IPAddress: Int] = [:]
    /// Whether packets leave and arrive at all.
    package var isOn = true

    init(_ name: String, of network: VirtualNetwork, links: [Topology.Interface], seed: UInt64) {
        (self.name, self.network, self.links, loop) = (name, network, links, network.loop)
        random = SeededGenerator(seed: seed)
    }

    package var now: Instant { network.now }
    /// How many connections there are, half-open ones among them.
    package var connectionCount: Int { connections.count }
    package var addresses: [IPAddress] { links.flatMap(\.addresses) }

    // MARK: Packets

    func send(_ segment: VirtualSegment) {
        guard isOn, let link = links.first(where: { $0.addresses.contains(segment.source.address) }), let packet = segment.packet else { return }
        network.send(packet, from: link.name)
    }

    package func receive(_ packet: Packet) {
        guard isOn else { return }
        if case .error(let flow) = packet.summary.kind { return receiveError(packet, about: flow) }
        guard let segment = VirtualSegment(packet), addresses.contains(segment.destination.address) else { return }
        if segment.flags == .syn { requestCounts[segment.source.address, default: 0] += 1 }
        if let connection = connections[Tuple(local: segment.destination, remote: segment.source)] {
            // A connection that waits for its end gives way to a new one (RFC 9293 section 3.10.7.4).
            guard connection.tcp.state == .timeWait, segment.flags == .syn else { return connection.receive(segment) }
            connections[Tuple(local: segment.destination, remote: segment.source)] = nil
        }
        guard segment.flags.contains(.syn), !segment.flags.contains(.ack), !segment.flags.contains(.rst), listeners[segment.destination.port] != nil
        else {
            if !segment.flags.contains(.rst) { send(segment.reset) }
            return
        }
        let channel = VirtualChannel(VirtualTCP(answering: segment, initial: initial(), at: now), of: self, autoRead: true)
        connections[Tuple(local: segment.destination, remote: segment.source)] = channel
        _ = channel.begin(within: nil)
    }

    private func receiveError(_ packet: Packet, about flow: Flow) {
        guard flow.transport == .tcp, let connection = connections[Tuple(local: flow.source, remote: flow.destination)] else { return }
        let offset = flow.source.address.family == .v4 ? 20 : 40
        let isPort = packet.bytes[offset] == 3 && packet.bytes[offset + 1] == 3
        connection.unreachable(isPort ? ECONNREFUSED : EHOSTUNREACH)
    }

    /// A connection is over, and its endpoints are free.
    func forget(_ channel: VirtualChannel) {
        let tuple = Tuple(local: channel.tcp.local, remote: channel.tcp.remote)
        if connections[tuple] === channel { connections[tuple] = nil }
    }

    func accept(_ channel: VirtualChannel) {
        guard let listener = listeners[channel.tcp.local.port] else { return channel.close(promise: nil) }
        do { try listener.accept(channel) } catch { channel.close(promise: nil) }
    }

    func close(_ listener: VirtualListener) { if listeners[listener.port] === listener { listeners[listener.port] = nil } }

    /// Ends the program, as SIGKILL does: the system ends its connections in good order, and nobody answers any more.
    package func killProgram() {
        for connection in Array(connections.values) { connection.endForProgram() }
        cutPower()
    }

    /// Ends everything at once, as a power cut does: no connection says a word.
    package func cutPower() {
        isOn = false
        for channel in Array(connections.values) { channel.endWithHost() }
        for listener in Array(listeners.values) { listener.close(promise: nil) }
        connections = [:]
        listeners = [:]
    }

    private func initial() -> UInt32 { UInt32.random(in: .min ... .max, using: &random) }

    // MARK: HostSystem

    package func listen(
        _ family: IPAddress.Family, port: UInt16, isShared: Bool, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        guard family == .v4 else { return loop.makeFailedFuture(IOError(errnoCode: EAFNOSUPPORT, reason: "socket")) }
        let number = port == 0 ? UInt16.random(in: 32_768...60_999, using: &random) : port
        guard listeners[number] == nil else { return loop.makeFailedFuture(IOError(errnoCode: EADDRINUSE, reason: "bind")) }
        let listener = VirtualListener(number, of: self, accept: accept.value)
        listeners[number] = listener
        return loop.makeSucceededFuture(listener)
    }

    package func connect(
        _ request: ConnectRequest, on eventLoop: any EventLoop, configure: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        let link = request.interface.map { name in links.first { $0.device == name } } ?? links.first
        guard let source = link?.addresses.first, source.family == request.remote.address.family else {
            return loop.makeFailedFuture(IOError(errnoCode: ENETUNREACH, reason: "connect"))
        }
        var local = Endpoint(source, request.local ?? 0)
        if local.port == 0 {
            repeat {
                local.port = UInt16.random(in: 32_768...60_999, using: &random)
            } while connections[Tuple(local: local, remote: request.remote)] != nil || listeners[local.port] != nil
        }
        let tuple = Tuple(local: local, remote: request.remote)
        guard connections[tuple] == nil, local != request.remote else {
            return loop.makeFailedFuture(IOError(errnoCode: EADDRNOTAVAIL, reason: "connect"))
        }
        guard connections.count < connectionLimit else { return loop.makeFailedFuture(IOError(errnoCode: EMFILE, reason: "socket")) }
        let tcp = VirtualTCP(from: local, to: request.remote, initial: initial(), at: now)
        let channel = VirtualChannel(tcp, of: self, autoRead: request.readsAtOnce)
        do {
            try configure.value(channel)
        } catch {
            return loop.makeFailedFuture(error)
        }
        connections[tuple] = channel
        return channel.begin(within: request.timeout)
    }

    package func interfaces() -> [NetworkInterface] {
        links.map { link in
            NetworkInterface(
                name: link.device, addresses: link.addresses.map { .init($0, onLink: IPPrefix($0, length: link.prefixLength)) })
        }
    }

    package func defaultRoutes() -> [DefaultRoute] {
        links.enumerated().compactMap { index, link in
            link.gateways.first { $0.family == .v4 }.map {
                DefaultRoute(interface: link.device, gateway: $0, family: .v4, metric: UInt32(index))
            }
        }
    }

    package func assignedAddresses() -> Set<IPAddress>? { Set(addresses) }
    package func suspendedTime() -> Duration { .zero }

    package func watch(on eventLoop: any EventLoop, onChange: @escaping (NetworkWatch.Change) -> Void) -> () -> Void {
        watcherCount += 1
        let number = watcherCount
        watchers[number] = onChange
        return { [weak self] in self?.watchers[number] = nil }
    }

    /// The host's links are others now.
    package func change(_ change: (inout [Topology.Interface]) -> Void) {
        change(&links)
        for watcher in watchers.values { watcher(.network) }
    }
}
