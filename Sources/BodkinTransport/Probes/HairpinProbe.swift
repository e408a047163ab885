import BodkinCore
import NIOCore
import NIOPosix

/// Whether two ports of this machine reach each other by their outside endpoints (RFC 5382 section 7.1), as two peers behind one NAT would have to.
enum HairpinProbe {
    /// One SYN, and the one that the system repeats after a second.
    private static let patience = TimeAmount.milliseconds(1500)

    /// Has a server see two ports, and connects each to what was seen of the other, at once. Nil where the server does not answer.
    static func run(_ server: Endpoint, on eventLoop: any EventLoop) async -> Bool? {
        func ask() async -> BindingResponse? {
            let question = BindingRequest(to: server)
            return try? await eventLoop.flatSubmit { question.ask(within: STUNProbe.timeout, on: eventLoop) }.get()
        }
        let answers = [await ask(), await ask()].compactMap { $0 }
        defer { eventLoop.execute { for answer in answers { answer.close() } } }
        guard answers.count == 2, let first = answers[0].local, let second = answers[1].local else { return nil }
        async let there = connects(from: first, to: answers[1].mapped, on: eventLoop)
        async let back = connects(from: second, to: answers[0].mapped, on: eventLoop)
        let results = await (there, back)
        return results.0 || results.1
    }

    private static func connects(from local: Endpoint, to remote: Endpoint, on eventLoop: any EventLoop) async -> Bool {
        let connecting = eventLoop.flatSubmit {
            eventLoop.makeCompletedFuture { (try SocketAddress(local), try SocketAddress(remote)) }.flatMap { local, remote in
                ClientBootstrap(group: eventLoop)
                    .channelOption(SocketOptions.reuseAddress, value: 1)
                    .channelOption(SocketOptions.reusePort, value: 1)
                    .connectTimeout(patience)
                    .bind(to: local).connect(to: remote)
            }
        }
        guard let channel = try? await connecting.get() else { return false }
        channel.close(promise: nil)
        return true
    }
}
