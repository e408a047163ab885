package import BodkinCore
import BodkinProtocols
package import NIOCore

/// A NAT binding: an idle TCP connection from the reserved port to the server's STUN port, for which the NAT keeps a mapping that the server has seen.
///
/// It asks at once what the server sees (RFC 8489), later authenticates itself by a short-term credential, and refreshes the mapping. Never closed
/// first while the peer lives. Confined to its event loop.
package final class STUNBinding {
    /// What happens on it.
    package enum Event: Sendable {
        /// TCP is up, from this endpoint: the answer is a round trip away.
        case connected(from: Endpoint?)
        /// The server sees us as this endpoint.
        case observed(Endpoint)
        /// It has answered after this silence.
        case survived(from: Endpoint?, Duration)
        /// It is gone: its mapping may be, too; after this silence, where it was that.
        case lost(from: Endpoint?, after: Duration?)
    }

    /// How often the mapping is refreshed at least: the server closes what has asked nothing for 3 minutes.
    private static let longestRefresh = TimeAmount.seconds(150)
    /// How long the answer to a refresh may take.
    private static let leisure = TimeAmount.seconds(5)
    /// How many SYNs are sent before the rest is left to the system's retransmissions.
    private static let shotLimit = 6
    /// How many requests are remembered that have no answer.
    private static let requestLimit = 8
    /// How often a stale nonce is answered by another request.
    private static let staleLimit = 3
    /// How long a mapping counts as alive once it was found so: longer than an attempt fires.
    private static let verificationLifetime = TimeAmount.seconds(10)

    /// The family of the addresses.
    package let family: IPAddress.Family
    /// The interface that it leaves by; nil for the one that the system's routes name.
    package let interface: String?
    /// What the server sees; nil until it has answered.
    package private(set) var observed: Endpoint?
    /// Whether TCP is up.
    package private(set) var isConnected = false
    /// The address that the system has chosen here.
    package private(set) var local: Endpoint?

    private let port: ReservedPort
    private let server: Endpoint
    private let eventLoop: any EventLoop
    private let onEvent: (Event) -> Void
    private let keepalive: (Endpoint?) -> TimeAmount
    private var heardAt: NIODeadline
    /// The silence that the question under way was to end.
    private var silence: Duration?
    private var credential: STUNCredential?
    /// The requests that have no answer yet, the oldest first.
    private var requests: [STUNMessage.TransactionID] = []
    /// What the server wants repeated by the next request with the credential.
    private var nonce: STUNMessage.Nonce?
    /// How often the server has found the nonce stale since the last proof or answer.
    private var staleCount = 0
    private var channel: (any Channel)?
    /// How many SYNs there were: an answer to an earlier one counts no more.
    private var shots = 0
    private var freshShot: OneShot?
    private var refreshing: OneShot?
    /// When the question under way was asked, and until when its answer has to come.
    private var verification: (task: OneShot, asked: NIODeadline, end: NIODeadline)?
    private var verifiedAt: NIODeadline?
    private var isClosed = false

    /// Connects from `port` to the server's STUN endpoint, which is `roundTrip` away, where that is known. `keepalive` says after what silence to refresh the mapping of
    /// an endpoint of ours, `onEvent` is called; both on the event loop.
    package init(
        _ port: ReservedPort, to server: Endpoint, interface: String?, roundTrip: TimeAmount? = nil, on eventLoop: any EventLoop,
        keepalive: @escaping (Endpoint?) -> TimeAmount, onEvent: @escaping (Event) -> Void
    ) {
        family = server.address.family
        self.port = port
        self.server = server
        self.interface = interface
        self.eventLoop = eventLoop
        heardAt = eventLoop.now
        self.keepalive = keepalive
        self.onEvent = onEvent
        if let roundTrip { expectAnswer(within: Self.patience(roundTrip)) }
        connect()
    }

    private func connect() {
        shots += 1
        let shot = shots
        channel?.close(promise: nil)
        channel = nil
        let connecting = port.connect(to: server, interface: interface, for: .server) { [weak self] channel in self?.channel = channel }
        connecting.assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isClosed, self.shots == shot else { return (try? result.get())?.close(promise: nil) ?? () }
            switch result {
            case .success(let channel): self.connected(channel)
            case .failure:
                self.channel = nil
                if self.freshShot == nil { self.end() }
            }
        }
    }

    /// The server is `roundTrip` away, and has had time to answer: if it has not, a packet was lost, and a fresh SYN goes out at once, then again after twice
    /// the time of the one before. The system repeats its own only after a second, and then after two (RFC 6298 section 2.1).
    package func expect(within roundTrip: TimeAmount) {
        // Where the SYN-ACK was lost, the server holds the old SYN's connection: the fresh one is first answered by an ACK, which ends that, and is then
        // repeated by the system (RFC 9293 section 3.10.7.4). That takes two round trips.
        shoot(patience: Self.patience(roundTrip))
    }

    private static func patience(_ roundTrip: TimeAmount) -> TimeAmount { max(roundTrip, .milliseconds(20)) * 3 }

    private func expectAnswer(within patience: TimeAmount) {
        freshShot = OneShot(on: eventLoop, in: patience) { [weak self] in self?.shoot(patience: patience * 2) }
    }

    private func shoot(patience: TimeAmount) {
        freshShot?.cancel()
        freshShot = nil
        guard !isConnected, !isClosed else { return }
        guard shots < Self.shotLimit else { return channel == nil ? end() : () }
        expectAnswer(within: patience)
        connect()
    }

    /// Whether nothing more is to be expected of it.
    package var isLost: Bool { isClosed }

    /// Authenticates this connection to the server, by the key of the registration.
    package func prove(key: [UInt8]) {
        credential = try? BindingName.credential(key: key)
        staleCount = 0
        ask()
    }

    /// Asks the server whether the mapping is still there; without an answer in time the connection counts as lost. Asked once in a while at most: a NAT that
    /// has kept the mapping at one RST keeps it at the next, and each question is one more that can be lost.
    /// - Parameter isUrgent: whether to ask all the same, because something has happened since.
    package func verify(within limit: TimeAmount, isUrgent: Bool = false) {
        let isRecent = verifiedAt.map { eventLoop.now - $0 <= Self.verificationLifetime } ?? false
        guard observed != nil, !isClosed, isUrgent || !isRecent else { return }
        // A patient question that is under way does not hold up an urgent one.
        if let verification, verification.end <= eventLoop.now + limit { return }
        ask(within: limit)
    }

    /// A link to the server that was begun at this moment is up, by this interface: a question that was asked before, and passes the same queues, has no answer any
    /// more.
    package func serverHasAnswered(by route: ServerRoute?, since start: NIODeadline) {
        guard let verification, verification.asked < start else { return }
        guard let route, route.interface == interface, route.endpoint.address.family == family else { return }
        end()
    }

    /// Ends it.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        freshShot?.cancel()
        verification?.task.cancel()
        refreshing?.cancel()
        channel?.close(promise: nil)
    }

    /// Ends it where the server is not to be reached by it any more: a plain close would wait for the server's acknowledgement for minutes, and the next connection
    /// from the same endpoint to the same server would be refused by the system for as long (EADDRNOTAVAIL).
    package func abandon() {
        guard !isClosed else { return }
        let channel = channel
        self.channel = nil
        close()
        if let channel { ReservedPort.discard(channel) }
    }

    private func connected(_ channel: any Channel) {
        isConnected = true
        freshShot?.cancel()
        local = Endpoint(channel.localAddress)
        do {
            try channel.pipeline.syncOperations.addHandler(Reader(self))
        } catch {
            return end()
        }
        onEvent(.connected(from: local))
        ask()
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        refresh()
    }

    private func ask() {
        guard isConnected, let channel else { return }
        let request = STUNMessage.bindingRequest(credential: credential, nonce: credential == nil ? nil : nonce)
        if requests.count == Self.requestLimit { requests.removeFirst() }
        requests.append(request.transactionID)
        channel.writeAndFlush(ByteBuffer(bytes: request.bytes), promise: nil)
    }

    /// Two requests with one nonce were under way: the second one is asked again, with the nonce of the latest answer.
    private func askAgain() {
        guard credential != nil, staleCount < Self.staleLimit else { return }
        staleCount += 1
        ask()
    }

    /// Asks, and gives the connection up where the answer does not come in time.
    private func ask(within limit: TimeAmount) {
        verification?.task.cancel()
        verification = (OneShot.patient(on: eventLoop, in: limit) { [weak self] in self?.end() }, eventLoop.now, eventLoop.now + limit)
        ask()
    }

    private func refresh() {
        let interval = min(keepalive(local), Self.longestRefresh)
        refreshing = OneShot(on: eventLoop, at: max(heardAt + interval, eventLoop.now + .seconds(1))) { [weak self] in
            guard let self else { return }
            let silence = self.eventLoop.now - self.heardAt
            if silence >= interval, self.verification == nil {
                self.silence = .nanoseconds(silence.nanoseconds)
                self.ask(within: Self.leisure)
            }
            self.refresh()
        }
    }

    fileprivate func received(_ message: STUNMessage) {
        guard let index = requests.firstIndex(of: message.transactionID) else { return }
        switch message.class {
        case .error:
            if let nonce: STUNMessage.Nonce = try? message.attribute() { self.nonce = nonce }
            guard let code: STUNMessage.ErrorCode = try? message.attribute(), code == .staleNonce else { return }
            requests.remove(at: index)
            return askAgain()
        case .success: break
        case .request, .indication: return
        }
        if let nonce: STUNMessage.Nonce = try? message.attribute() { self.nonce = nonce }
        guard let mapped: STUNMessage.XORMappedAddress = try? message.attribute() else { return }
        // Once there is a key, an answer that is not signed with it is not the server's.
        if let credential, message.verifiedIntegrity(key: credential.key) == nil { return }
        requests.remove(at: index)
        staleCount = 0
        heardAt = eventLoop.now
        if let silence { onEvent(.survived(from: local, silence)) }
        silence = nil
        if verification != nil { verifiedAt = eventLoop.now }
        verification?.task.cancel()
        verification = nil
        guard observed != mapped.endpoint else { return }
        observed = mapped.endpoint
        onEvent(.observed(mapped.endpoint))
    }

    fileprivate func end() {
        guard !isClosed else { return }
        abandon()
        onEvent(.lost(from: local, after: silence))
    }
}

/// Reads the answers.
private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private weak var owner: STUNBinding?
    private var framer = STUNFramer()

    init(_ owner: STUNBinding) { self.owner = owner }

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
