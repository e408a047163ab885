import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// What a peer with one circuit says. The dialer opens it and has bytes echoed, the called side echoes whatever comes; both give credit for what they
/// have read, as real ones do.
final class CircuitPeerHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body

    private let ledger: DialLedger
    private let registered: EventLoopPromise<Void>
    private var context: ChannelHandlerContext?
    /// The attempt that the circuit is of.
    private var circuit: Data?
    private var isCalled = false
    /// What is still to come back, and the promise that is kept then.
    private var expected = Data()
    private var echoed: EventLoopPromise<Void>?

    init(_ ledger: DialLedger, _ registered: EventLoopPromise<Void>) {
        self.ledger = ledger
        self.registered = registered
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Dials by circuit; the promise is kept when the early bytes have come back.
    func open(to other: PeerID, early: Data, _ promise: EventLoopPromise<Void>) {
        var dial = WireDial()
        dial.to = Data(other.publicKey)
        dial.attempt = Data(AttemptID.random().bytes)
        dial.early = early
        circuit = dial.attempt
        expect(early, promise)
        send(.dial(dial))
    }

    /// Sends bytes over the circuit; the promise is kept when they have come back.
    func echo(_ bytes: Data, _ promise: EventLoopPromise<Void>) {
        guard circuit != nil, expected.isEmpty else { return promise.fail(LoadRefusal(message: "an echo without a circuit, or over another one")) }
        expect(bytes, promise)
        relay(bytes)
    }

    /// Ends the circuit.
    func end() {
        guard let circuit else { return }
        var close = WireCircuitClose()
        close.attempt = circuit
        send(.circuitClose(close))
        self.circuit = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).body {
        case .welcome, .circuitCredit, .pong: break
        case .registered: registered.succeed()
        case .ping(let ping): send(.pong(ping))
        case .meet(let meet): receive(meet)
        case .circuitData(let data): receive(data)
        case .circuitClose(let close) where isCalled && close.reason == .finished: circuit = nil
        // The server may say that what has just been ended is over.
        case .circuitClose where circuit == nil: break
        case .circuitClose(let close): refused("a circuit ended: \(close.reason)")
        case .dialFailed(let failure): refused("a dial failed: \(failure.reason)")
        case .failure(let failure): refused("the server says: \(failure.message)")
        case let other: refused("an unexpected message: \(String(describing: other).prefix(60))")
        }
    }

    private func receive(_ meet: WireMeet) {
        guard !meet.isDialer else { return }
        isCalled = true
        circuit = meet.attempt
        var answer = WireMeetAck()
        answer.attempt = meet.attempt
        answer.answer = .accepted
        send(.meetAck(answer))
        relay(meet.early)
    }

    private func receive(_ data: WireCircuitData) {
        guard data.attempt == circuit else { return refused("bytes of another circuit") }
        var credit = WireCircuitCredit()
        credit.attempt = data.attempt
        credit.bytes = UInt32(data.data.count)
        send(.circuitCredit(credit))
        if isCalled { return relay(data.data) }
        guard expected.starts(with: data.data) else { return refused("a circuit brings other bytes than were sent") }
        expected = Data(expected.dropFirst(data.data.count))
        guard expected.isEmpty else { return }
        echoed?.succeed()
        echoed = nil
    }

    private func expect(_ bytes: Data, _ promise: EventLoopPromise<Void>) {
        expected = bytes
        echoed = promise
    }

    private func relay(_ bytes: Data) {
        var data = WireCircuitData()
        data.attempt = circuit ?? Data()
        data.data = bytes
        send(.circuitData(data))
    }

    private func send(_ body: WireEnvelope.OneOf_Body) { context?.writeAndFlush(wrapOutboundOut(body), promise: nil) }

    private func refused(_ what: String) {
        ledger.fail(what)
        registered.fail(LoadRefusal(message: what))
        echoed?.fail(LoadRefusal(message: what))
        echoed = nil
    }

    func channelInactive(context: ChannelHandlerContext) { refused("a connection ended") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refused("\(error)")
        context.close(promise: nil)
    }
}
