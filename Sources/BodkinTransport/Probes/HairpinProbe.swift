import BodkinCore
import BodkinProtocols
import NIOCore

/// A probe of hairpinning: whether two ports of this host reach each other by their external endpoints (RFC 5382 section 7.1), as two peers behind one NAT do.
enum HairpinProbe {
    /// The time for one SYN, and for the one that the kernel repeats after a second.
    private static let timeout = TimeAmount.milliseconds(1500)

    /// Learns the external endpoints of two ports, and connects each port to the other one's at once.
    /// - Returns: nil if the server does not answer.
    static func run(_ server: Endpoint, through gate: Gate, on eventLoop: any EventLoop) async -> Bool? {
        func response() async -> BindingResponse? {
            let request = BindingRequest(to: server)
            return try? await eventLoop.flatSubmit { request.ask(within: STUNProbe.timeout, through: gate, on: eventLoop) }.get()
        }
        let responses = [await response(), await response()].compactMap { $0 }
        defer { eventLoop.execute { for response in responses { response.close() } } }
        guard responses.count == 2, let first = responses[0].local, let second = responses[1].local else { return nil }
        async let there = connects(from: first, to: responses[1].mapped, through: gate, on: eventLoop)
        async let back = connects(from: second, to: responses[0].mapped, through: gate, on: eventLoop)
        let results = await (there, back)
        return results.0 || results.1
    }

    private static func connects(from local: Endpoint, to remote: Endpoint, through gate: Gate, on eventLoop: any EventLoop) async -> Bool {
        let connecting = eventLoop.flatSubmit {
            gate.connect(to: remote, from: local.port, within: timeout, for: .reflection, configure: { _ in })
        }
        guard let channel = try? await connecting.get() else { return false }
        channel.close(promise: nil)
        return true
    }
}
