public import BodkinCore
import BodkinProtocols
public import NIOCore

/// An idle TCP connection from the reserved port to the server's STUN port: the NAT keeps a mapping that the server has seen.
///
/// It asks at once what the server sees (RFC 8489), later proves by a short-term credential whose it is, and refreshes the mapping. Never closed
/// first while the peer lives. Confined to its event loop.
public final class WarmConnection {
    /// What happens on it.
    public enum Event: Sendable {
        /// TCP is up: the answer is a round trip away.
        case connected
        /// The server sees us as this endpoint.
        case observed(Endpoint)
        /// It is gone: its mapping may be, too.
        case lost
    }

    /// How often the mapping is refreshed. RFC 5382 section 5 lets a NAT forget an established connection after 2 h 4 min, but boxes of 60 s exist.
    private static let refreshInterval = TimeAmount.seconds(25)

    /// The family of the addresses.
    public let family: IPAddress.Family
    /// The interface that it leaves by; nil for the one that the system's routes name.
    public let interface: String?
    /// What the server sees; nil until it has answered.
    public private(set) var observed: Endpoint?
    /// Whether TCP is up.
    public private(set) var isConnected = false
    /// The address that the system has chosen here.
    public private(set) var local: Endpoint?

    private let eventLoop: any EventLoop
    private let onEvent: (Event) -> Void
    private var credential: STUNCredential?
    private var channel: (any Channel)?
    private var refreshing: Scheduled<Void>?
    private var verification: Scheduled<Void>?
    private var isClosed = false

    /// Connects from `port` to the server's STUN endpoint. `onEvent` is called on the event loop.
    public init(
        _ port: ReservedPort, to server: Endpoint, interface: String?, on eventLoop: any EventLoop, onEvent: @escaping (Event) -> Void
    ) {
        family = server.address.family
        self.interface = interface
        self.eventLoop = eventLoop
        self.onEvent = onEvent
        let connecting = port.connect(to: server, interface: interface) { [weak self] channel in self?.channel = channel }
        connecting.assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isClosed else { return }
            switch result {
            case .success(let channel): self.connected(channel)
            case .failure: self.end()
            }
        }
    }

    /// Whether nothing more is to be expected of it.
    public var isLost: Bool { isClosed }

    /// Proves to the server whose connection this is.
    public func prove(username: String, key: [UInt8]) {
        credential = try? STUNCredential(username: username, key: key)
        ask()
    }

    /// Asks the server whether the mapping is still there; without an answer in time the connection counts as lost.
    public func verify(within limit: TimeAmount) {
        guard observed != nil, verification == nil, !isClosed else { return }
        verification = eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in self?.end() }
        ask()
    }

    /// Ends it.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        verification?.cancel()
        refreshing?.cancel()
        channel?.close(promise: nil)
    }

    private func connected(_ channel: any Channel) {
        isConnected = true
        local = Endpoint(channel.localAddress)
        do {
            try channel.pipeline.syncOperations.addHandler(Reader(self))
        } catch {
            return end()
        }
        onEvent(.connected)
        ask()
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        refresh()
    }

    private func ask() {
        guard isConnected, let channel else { return }
        channel.writeAndFlush(ByteBuffer(bytes: STUNMessage.bindingRequest(credential: credential).bytes), promise: nil)
    }

    private func refresh() {
        refreshing = eventLoop.assumeIsolated().scheduleTask(in: Self.refreshInterval) { [weak self] in
            self?.ask()
            self?.refresh()
        }
    }

    fileprivate func received(_ message: STUNMessage) {
        guard message.class == .success, let mapped: STUNMessage.XORMappedAddress = try? message.attribute() else { return }
        // Once there is a key, an answer without its proof is none of the server's.
        if let credential, message.hasIntegrity, message.verifiedIntegrity(key: credential.key) == nil { return }
        verification?.cancel()
        verification = nil
        guard observed != mapped.endpoint else { return }
        observed = mapped.endpoint
        onEvent(.observed(mapped.endpoint))
    }

    fileprivate func end() {
        guard !isClosed else { return }
        close()
        onEvent(.lost)
    }
}

/// Reads the answers.
private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private weak var owner: WarmConnection?
    private var framer = STUNFramer()

    init(_ owner: WarmConnection) { self.owner = owner }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) { owner?.received(message) }
        } catch {
            owner?.end()
        }
    }

    func channelInactive(context: ChannelHandlerContext) { owner?.end() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { owner?.end() }
}
