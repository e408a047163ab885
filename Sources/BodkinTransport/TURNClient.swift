package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOSSL

/// The driver of one ``TURNAllocation``: the connection to the server, and a further one for each connection of the relay. Confined to its event loop.
///
/// ```swift
/// let client = TURNClient(.init(endpoint), as: credential, .v4, through: gate, on: eventLoop) { event in … }
/// ```
package final class TURNClient {
    /// A server.
    package struct Server: Hashable, Sendable {
        package var endpoint: Endpoint
        /// The name that its certificate is checked by; nil for TCP without TLS.
        package var name: String?
        /// SHA-256 of the public key that it is to have, instead of a certificate of a public authority.
        package var keyHash: [UInt8]?
        /// The tunnel that leads on from the endpoint; nil where that is the server's.
        package var tunnel: ServerRoute.Tunnel?

        /// A server over TCP, or over TLS where it has a name.
        package init(_ endpoint: Endpoint, name: String? = nil, keyHash: [UInt8]? = nil) {
            self.endpoint = endpoint
            self.name = name
            self.keyHash = keyHash
        }
    }

    package enum Event {
        /// The relay listens at this endpoint; the server sees the client at the other one.
        case allocated(Endpoint, mapped: Endpoint?)
        /// Remote hosts at this address may connect.
        case permitted(IPAddress)
        /// They may not.
        case notPermitted(IPAddress, TURNRefusal)
        /// A remote endpoint has connected. The channel reads when it is told to.
        case accepted(any Channel, from: Endpoint)
        /// It is over, and with it every connection; nil where ``close()`` was called.
        case ended(TURNRefusal?)
    }

    /// How long TCP and TLS may take.
    private static let patience = TimeAmount.seconds(10)

    private var server: Server
    private let gate: Gate
    private let eventLoop: any EventLoop
    private let configuration: TURNAllocation.Configuration
    private var machine: TURNAllocation
    private let onEvent: (Event) -> Void
    private let start: NIODeadline
    private var control: (any Channel)?
    private var timer: (time: NIODeadline, task: OneShot)?
    private var waiting: [Endpoint: EventLoopPromise<any Channel>] = [:]
    private var hasFollowed = false
    private var depth = 0

    /// Asks for an allocation. `onEvent` is called on the event loop.
    package init(
        _ server: Server, as credential: TURNCredential, _ family: IPAddress.Family, through gate: Gate, on eventLoop: any EventLoop,
        onEvent: @escaping (Event) -> Void
    ) {
        (self.server, self.gate, self.eventLoop, self.onEvent) = (server, gate, eventLoop, onEvent)
        configuration = TURNAllocation.Configuration(credential: credential, family: family)
        machine = TURNAllocation(configuration)
        start = eventLoop.now
        openControl()
    }

    /// Remote hosts at an address may connect from now on.
    package func permit(_ address: IPAddress) { feed(.permit(address)) }

    /// Connects from the relay to a remote endpoint. The channel reads when it is told to.
    /// - Returns: the channel; fails with ``TURNRefusal``.
    package func connect(to endpoint: Endpoint) -> EventLoopFuture<any Channel> {
        // The server has one connection to an endpoint at most.
        guard waiting[endpoint] == nil else { return eventLoop.makeFailedFuture(TURNRefusal.code(446)) }
        let promise = eventLoop.makePromise(of: (any Channel).self)
        waiting[endpoint] = promise
        feed(.connect(endpoint))
        return promise.futureResult
    }

    /// Gives the allocation back.
    package func close() { feed(.release) }

    private func openControl() {
        open { [weak self] result in
            guard let self else { return (try? result.get())?.close(promise: nil) ?? () }
            guard case .success(let channel) = result, (try? channel.pipeline.syncOperations.addHandler(ControlHandler(self))) != nil else {
                return self.feed(.closed)
            }
            self.control = channel
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
            self.feed(.connected)
        }
    }

    /// Opens a connection to the server.
    private func open(_ completion: @escaping (Result<any Channel, any Error>) -> Void) {
        let server = server
        let connecting = gate.connect(to: server.endpoint, within: Self.patience, for: .relay) { channel in
            if server.tunnel == nil { try Self.secure(channel, for: server) }
        }
        guard let tunnel = server.tunnel else { return connecting.assumeIsolated().whenComplete(completion) }
        let eventLoop = eventLoop
        connecting.assumeIsolated().whenComplete { result in
            guard let channel = try? result.get() else { return completion(result) }
            let limit = OneShot(on: eventLoop, in: Self.patience) { channel.close(promise: nil) }
            func end(_ result: Result<any Channel, any Error>) {
                limit.cancel()
                if case .failure = result { channel.close(promise: nil) }
                completion(result)
            }
            do {
                try ProxyTunnel.open(tunnel, on: channel) { result in
                    end(
                        Result { () throws -> any Channel in
                            try result.get()
                            try Self.secure(channel, for: server)
                            return channel
                        })
                }
                channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
            } catch {
                end(.failure(error))
            }
        }
    }

    private static func secure(_ channel: any Channel, for server: Server) throws {
        guard let name = server.name else { return }
        try channel.pipeline.syncOperations.addHandler(TLSContexts.relayClient(name: name, keyHash: server.keyHash))
    }

    /// Something has come over a connection of the allocation, which may be that to a former server.
    fileprivate func heard(_ input: TURNAllocation.Input, on channel: any Channel) { if channel === control { feed(input) } }

    private func feed(_ input: TURNAllocation.Input) {
        machine.handle(input, at: now)
        depth += 1
        while let action = machine.nextAction() { perform(action) }
        depth -= 1
        if depth == 0 { armTimer() }
    }

    private func perform(_ action: TURNAllocation.Action) {
        switch action {
        case .send(let message): control?.writeAndFlush(ByteBuffer(bytes: message.bytes), promise: nil)
        case .allocated(let endpoint, let mapped): onEvent(.allocated(endpoint, mapped: mapped))
        case .permitted(let address): onEvent(.permitted(address))
        case .notPermitted(let address, let refusal): onEvent(.notPermitted(address, refusal))
        case .notConnected(let endpoint, let refusal): waiting.removeValue(forKey: endpoint)?.fail(refusal)
        case .connected(let endpoint, let id):
            guard let promise = waiting.removeValue(forKey: endpoint) else { return }
            bind(id) { promise.completeWith($0) }
        case .accepted(let endpoint, let id):
            bind(id) { [weak self] in if case .success(let channel) = $0 { self?.onEvent(.accepted(channel, from: endpoint)) } }
        case .ended(.elsewhere(let endpoint?)?) where server.name != nil && !hasFollowed:
            // Before the client has proved itself, the answer is not signed: only TLS says who gives it.
            hasFollowed = true
            if server.tunnel == nil { server.endpoint = endpoint } else { server.tunnel?.target = .init("\(endpoint.address)", endpoint.port) }
            control?.close(promise: nil)
            control = nil
            machine = TURNAllocation(configuration)
            openControl()
        case .ended(let refusal):
            timer?.task.cancel()
            control?.close(promise: nil)
            onEvent(.ended(refusal))
        }
    }

    private func bind(_ id: STUNMessage.ConnectionID, _ completion: @escaping (Result<any Channel, any Error>) -> Void) {
        let binding = machine.binding(id)
        open { result in
            do {
                let channel = try result.get()
                try channel.pipeline.syncOperations.addHandler(BindingHandler(binding, completion))
                channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
            } catch {
                completion(.failure(TURNRefusal.closed))
            }
        }
    }

    private func armTimer() {
        guard let deadline = machine.deadline else { return }
        let time = start + TimeAmount(deadline - .start)
        if let timer, timer.time <= time { return }
        timer?.task.cancel()
        let task = OneShot(on: eventLoop, at: time) { [weak self] in
            self?.timer = nil
            self?.feed(.timeout)
        }
        timer = (time, task)
    }

    private var now: Instant { Instant(sinceStart: .nanoseconds((eventLoop.now - start).nanoseconds)) }
}

/// Reads what the server sends over the connection of the allocation.
private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private weak var owner: TURNClient?
    private var framer = STUNFramer()

    init(_ owner: TURNClient) { self.owner = owner }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &buffer) { owner?.heard(.received(message), on: context.channel) }
        } catch {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { owner?.heard(.closed, on: context.channel) }
}

/// The driver of one ``TURNBinding``; gone as soon as the bytes are the remote host's.
private final class BindingHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var binding: TURNBinding
    private var completion: ((Result<any Channel, any Error>) -> Void)?

    init(_ binding: TURNBinding, _ completion: @escaping (Result<any Channel, any Error>) -> Void) {
        (self.binding, self.completion) = (binding, completion)
    }

    func handlerAdded(context: ChannelHandlerContext) { perform(binding.begin(), context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        while completion != nil {
            let step = binding.received(&buffer)
            guard step != .wait else { return }
            perform(step, context)
        }
        // Who has the channel now has its handlers in it, behind this one.
        if buffer.readableBytes > 0 { context.fireChannelRead(NIOAny(buffer)) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func perform(_ step: TURNBinding.Step, _ context: ChannelHandlerContext) {
        switch step {
        case .wait: break
        case .send(let message): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: message.bytes)), promise: nil)
        case .refused(let refusal):
            context.close(promise: nil)
            end(.failure(refusal))
        case .bound:
            context.channel.syncOptions.map { try? $0.setOption(.autoRead, value: false) }
            end(.success(context.channel))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { end(.failure(TURNRefusal.closed)) }

    private func end(_ result: Result<any Channel, any Error>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
