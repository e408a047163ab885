package import BodkinCore
package import BodkinEmulation
import BodkinTransport
import NIOCore
package import NIOEmbedded

/// The lab's network in virtual time: hosts, NATs and links on one embedded event loop. Nothing waits for a real clock.
///
/// ```swift
/// let network = VirtualNetwork(.pair(.portRestricted, .cgn, link: LinkParameters(delay: .milliseconds(25)), seed: 1))
/// network.run(for: .seconds(3))
/// ```
package final class VirtualNetwork {
    package let loop = EmbeddedEventLoop()
    package let topology: Topology
    package private(set) var hosts: [String: VirtualHost] = [:]
    private var emulation: EmulatedNetwork
    /// When the emulation is looked at next.
    private var wakesAt: LabInstant?
    private var hostOfPort: [EmulatedNetwork.Port: VirtualHost] = [:]
    private var ports: [String: EmulatedNetwork.Port] = [:]

    package init(_ topology: Topology) {
        self.topology = topology
        emulation = EmulatedNetwork(topology)
        for (index, host) in topology.hosts.enumerated() {
            let links = topology.interfaces(of: host.name)
            let made = VirtualHost(host.name, of: self, links: links, seed: topology.seed &* 31 &+ UInt64(index) &+ 1)
            hosts[host.name] = made
            for link in links {
                guard let port = emulation.port(of: link.name) else { continue }
                hostOfPort[port] = made
                ports[link.name] = port
            }
        }
    }

    package var now: Instant { Instant(sinceStart: .nanoseconds((loop.now - .uptimeNanoseconds(0)).nanoseconds)) }
    private var labNow: LabInstant { LabInstant(nanoseconds: (loop.now - .uptimeNanoseconds(0)).nanoseconds) }

    /// What crossed so far.
    package var counters: NetworkCounters { emulation.counters }

    package func host(_ name: String) -> VirtualHost {
        guard let host = hosts[name] else { preconditionFailure("the topology has no host \(name)") }
        return host
    }

    package func send(_ packet: Packet, from interface: String) {
        guard let port = ports[interface] else { return }
        emulation.send(packet, from: port, at: labNow)
        deliver()
    }

    package func apply(_ fault: Fault) throws {
        try emulation.apply(fault, at: labNow)
        deliver()
    }

    private func deliver() {
        for delivery in emulation.takeDeliveries() {
            guard let host = hostOfPort[delivery.port] else { continue }
            let packet = delivery.packet
            loop.execute { host.receive(packet) }
        }
        guard let next = emulation.nextArrival, wakesAt.map({ next < $0 }) ?? true else { return }
        wakesAt = next
        loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(next.nanoseconds))) { [unowned self] in
            guard wakesAt == next else { return }
            wakesAt = nil
            emulation.advance(to: labNow)
            deliver()
        }
    }

    /// Ends the network: its hosts fall silent with all that they have open, and what waits for a later time is given up. A channel holds the event loop, and tasks
    /// of the loop hold channels, so without this nothing of the network would ever leave the memory.
    package func close() throws {
        for host in hosts.values { host.cutPower() }
        try loop.syncShutdownGracefully()
    }

    // MARK: Time

    package func run(for time: Duration) { loop.advanceTime(by: TimeAmount(time)) }

    /// Runs until something holds, for so long at most. Whether it does then.
    @discardableResult
    package func run(atMost time: Duration, until condition: () -> Bool) -> Bool {
        let end = loop.now + TimeAmount(time)
        while !condition() {
            guard loop.now < end else { return false }
            loop.advanceTime(by: .milliseconds(1))
        }
        return true
    }
}
