#if os(Linux)
package import BodkinCore
import CBodkinSystem

extension HopProbe {
    /// Sends a datagram from a port of its own, in the calling thread's network; nil where that cannot be, and for IPv6. The caller closes it.
    package static func send(_ bytes: [UInt8], to destination: Endpoint, hops: Int) -> HopProbe? {
        guard destination.address.family == .v4 else { return nil }
        let descriptor = bodkin_hop_probe(destination.address.bytes, destination.port, CInt(clamping: hops), bytes, bytes.count)
        return descriptor < 0 ? nil : HopProbe(descriptor: descriptor)
    }

    /// What has come back, once; nil as long as nothing has. From any thread.
    package func answer() -> HopAnswer? {
        var address = [UInt8](repeating: 0, count: 4)
        let result = bodkin_hop_answer(descriptor, &address)
        let router = address.reduce(0) { $0 << 8 | UInt32($1) }
        switch result {
        case BODKIN_HOP_EXCEEDED: return .exceeded(IPAddress(v4: router))
        case BODKIN_HOP_CLOSED: return .closed(IPAddress(v4: router))
        case BODKIN_HOP_REFUSED: return .refused(IPAddress(v4: router))
        case BODKIN_HOP_ANSWERED: return .answered
        default: return nil
        }
    }

    /// Gives up.
    package func close() { bodkin_hop_close(descriptor) }
}
#else
package import BodkinCore

extension HopProbe {
    /// None: this system tells only those with rights who has sent an ICMP error.
    package static func send(_ bytes: [UInt8], to destination: Endpoint, hops: Int) -> HopProbe? { nil }

    /// Nothing.
    package func answer() -> HopAnswer? { nil }

    /// Gives up.
    package func close() {}
}
#endif
