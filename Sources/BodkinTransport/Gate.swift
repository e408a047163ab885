package import BodkinCore
package import BodkinProtocols
package import NIOCore

/// The driver of ``OutboundGate``: the system that a peer runs on, behind the gate. Its functions are called on the event loop.
///
/// ```swift
/// let gate = Gate(before: KernelSystem(), servers: addresses, on: eventLoop)
/// let channel = gate.connect(to: endpoint, from: 0, for: .server) { channel in … }
/// ```
package struct Gate: Sendable {
    /// The system.
    package let system: any HostSystem
    private let eventLoop: any EventLoop
    private let start: NIODeadline
    private let machine: NIOLoopBoundBox<OutboundGate>
    private let segments: NIOLoopBoundBox<SegmentLimiter>

    /// A gate before a system.
    /// - Parameter servers: the addresses that the user's URL leads to.
    package init(before system: any HostSystem, servers: some Sequence<IPAddress> = [], on eventLoop: any EventLoop) {
        (self.system, self.eventLoop, start) = (system, eventLoop, eventLoop.now)
        machine = NIOLoopBoundBox.makeBoxSendingValue(OutboundGate(servers: servers), eventLoop: eventLoop)
        segments = NIOLoopBoundBox.makeBoxSendingValue(SegmentLimiter(), eventLoop: eventLoop)
    }

    /// The user's URL leads to these addresses.
    package func locate(_ servers: some Sequence<IPAddress>) { machine.value.servers = Set(servers) }

    /// The system's network is like this now.
    package func attach(_ addresses: some Sequence<IPAddress>, gateways: some Sequence<IPAddress>) {
        machine.value.localAddresses = Set(addresses)
        machine.value.gateways = Set(gateways)
    }

    /// A connection has fallen silent, and is about to be given up. Where large packets may have been lost, further connections have small segments.
    package func fellSilent(_ channel: any Channel) { segments.value.fellSilent(channel) }

    /// The network is another one: what was learnt of large packets is forgotten.
    package func networkChanged() { segments.value.networkChanged() }

    /// Limits the segments of what a listener accepts.
    func watch(_ listener: any Channel) { segments.value.add(listener) }

    /// Lets one connection, or one exchange of datagrams, pass.
    /// - Throws: why it does not pass.
    package func passage(
        to endpoint: Endpoint, from local: UInt16 = 0, for purpose: OutboundGate.Purpose
    ) throws(OutboundGate.Refusal) -> Passage {
        try machine.value.passage(to: endpoint, from: local, for: purpose, at: now)
    }

    /// Connects, if that passes.
    /// - Parameters:
    ///   - local: the local port, which the socket shares with others; nil for any, which it has alone.
    ///   - interface: the interface to leave by; nil for the one that the system's routes name.
    ///   - timeout: after which the system's retransmissions are given up.
    ///   - configure: is given the channel before anything is sent, so that it can be closed while it still connects.
    package func connect(
        to endpoint: Endpoint, from local: UInt16? = nil, by interface: String? = nil, within timeout: TimeAmount = .seconds(30),
        readsAtOnce: Bool = false, allowsHalfClosure: Bool = false, for purpose: OutboundGate.Purpose,
        configure: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        do {
            let passage = try passage(to: endpoint, from: local ?? 0, for: purpose)
            var request = ConnectRequest(to: passage, from: local, by: interface, within: timeout, readsAtOnce: readsAtOnce)
            request.allowsHalfClosure = allowsHalfClosure
            let limited: (any Channel) throws -> Void = { channel in
                segments.value.limit(channel)
                try configure(channel)
            }
            return system.connect(request, on: eventLoop, configure: NIOLoopBound(limited, eventLoop: eventLoop))
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    private var now: Instant { Instant(sinceStart: .nanoseconds((eventLoop.now - start).nanoseconds)) }
}
