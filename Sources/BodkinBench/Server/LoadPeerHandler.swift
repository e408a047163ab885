import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// What a peer of the load says. A dial is what a real one is to the server: early bytes in the Dial, both meet, the called side acknowledges, a
/// flight of a handshake goes each way over the circuit, and the circuit ends.
final class LoadPeerHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body

    /// Bytes of a ClientHello, of a server's flight with a certificate, of a client's.
    private static let flights = (early: Data(count: 280), called: Data(count: 900), dialer: Data(count: 700))

    private let ledger: DialLedger
    private let registered: EventLoopPromise<Void>
    private var context: ChannelHandlerContext?
    private var dialed: Set<Data> = []

    init(_ ledger: DialLedger, _ registered: EventLoopPromise<Void>) {
        self.ledger = ledger
        self.registered = registered
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Writes a Ping and a Dial in one flush: the Pong is the baseline, at the same time on the same connection. The server answers the Ping first, so
    /// that the work of its answer counts as the Dial's.
    func dial(_ other: PeerID) {
        let (number, attempt) = ledger.open()
        guard let context else { return ledger.fail("a dial from a connection that has ended") }
        var ping = WirePing()
        ping.number = UInt64(number)
        var dial = WireDial()
        dial.to = Data(other.publicKey)
        dial.attempt = Data(attempt.bytes)
        dial.early = Self.flights.early
        dial.direct = true
        dialed.insert(dial.attempt)
        let now = NIODeadline.now()
        context.write(wrapOutboundOut(.ping(ping)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.dial(dial)), promise: nil)
        ledger.note(number) { $0.written = now }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = NIODeadline.now()
        switch unwrapInboundIn(data).body {
        case .welcome: break
        case .registered: registered.succeed()
        case .ping(let ping): send(.pong(ping))
        case .pong(let ping): ledger.note(Int(exactly: ping.number)) { $0.pong = now }
        case .meet(let meet): receive(meet, now)
        case .circuitData(let data): receive(data)
        case .circuitCredit: break
        case .circuitClose(let close):
            if close.reason != .finished { ledger.fail("a circuit ended: \(close.reason)") }
            ledger.note(DialLedger.number(of: close.attempt)) { $0.isRelayed = true }
        case .dialFailed(let failure): ledger.fail("a dial failed: \(failure.reason)")
        case .failure(let failure): refused("the server says: \(failure.message)")
        case let other: refused("an unexpected message: \(String(describing: other).prefix(60))")
        }
    }

    private func receive(_ meet: WireMeet, _ now: NIODeadline) {
        let number = DialLedger.number(of: meet.attempt)
        if meet.observed.count != 1 || meet.ownObserved.count != 1 { ledger.fail("a Meet without both sides' NAT-binding connections") }
        if meet.isDialer {
            ledger.note(number) { $0.dialer = now }
        } else {
            ledger.note(number) { $0.called = now }
            if meet.early != Self.flights.early { ledger.fail("a Meet without the early bytes") }
            var answer = WireMeetAck()
            answer.attempt = meet.attempt
            answer.answer = .accepted
            send(.meetAck(answer))
            relay(Self.flights.called, meet.attempt)
        }
    }

    private func receive(_ data: WireCircuitData) {
        var credit = WireCircuitCredit()
        credit.attempt = data.attempt
        credit.bytes = UInt32(data.data.count)
        send(.circuitCredit(credit))
        guard dialed.remove(data.attempt) != nil else { return }
        relay(Self.flights.dialer, data.attempt)
        var close = WireCircuitClose()
        close.attempt = data.attempt
        send(.circuitClose(close))
    }

    private func relay(_ bytes: Data, _ attempt: Data) {
        var data = WireCircuitData()
        data.attempt = attempt
        data.data = bytes
        send(.circuitData(data))
    }

    private func send(_ body: WireEnvelope.OneOf_Body) { context?.writeAndFlush(wrapOutboundOut(body), promise: nil) }

    private func refused(_ what: String) {
        ledger.fail(what)
        registered.fail(LoadRefusal(message: what))
    }

    func channelInactive(context: ChannelHandlerContext) { refused("a connection ended") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refused("\(error)")
        context.close(promise: nil)
    }
}

/// Why a peer of the load could not be one.
struct LoadRefusal: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
