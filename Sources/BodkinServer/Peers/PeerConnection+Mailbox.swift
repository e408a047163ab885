import BodkinBroker
import BodkinCore
import BodkinProtocols
import FoundationEssentials
import NIOCore

extension PeerConnection {
    /// What a connection is asked to do by others.
    enum Order: Sendable {
        case send(WireEnvelope.OneOf_Body)
        case relay(Data, AttemptID)
        case endCircuit(AttemptID, WireCircuitClose.Reason)
        case dropCircuit(AttemptID)
        case dialBack([DialBackTarget])
        case fail(WireFailure.Code, String)
    }

    /// The way to a connection from any thread; what is posted is done in its order.
    struct Mailbox: Sendable {
        private let connection: NIOLoopBound<PeerConnection>
        private let loop: any EventLoop

        init(_ connection: PeerConnection, _ loop: any EventLoop) {
            self.connection = NIOLoopBound(connection, eventLoop: loop)
            self.loop = loop
        }

        func post(_ order: Order) {
            let connection = connection
            loop.execute { connection.value.perform(order) }
        }
    }

    private func perform(_ order: Order) {
        if case .closing = phase { return }
        switch order {
        case .send(let body): send(body)
        case .relay(let data, let circuit):
            circuits.append(data, of: circuit)
            drain()
        case .endCircuit(let circuit, let reason):
            circuits.end(circuit, reason)
            drain()
        case .dropCircuit(let circuit): circuits.drop(circuit)
        case .dialBack(let targets): dialBack(targets)
        case .fail(let code, let message): fail(code, message)
        }
    }

    /// The most that may wait for a peer that does not read: a thousand Meets.
    private static var outboundLimit: Int { 4_194_304 }

    /// Writes a message ahead of what the circuits have waiting.
    func send(_ body: WireEnvelope.OneOf_Body) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(body), promise: nil)
        guard !context.channel.isWritable, let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes),
            waiting > Self.outboundLimit
        else { return }
        context.close(promise: nil)
    }

    /// Writes what the circuits have waiting, as long as the socket takes it: what does not fit stays where control messages overtake it.
    func drain() {
        guard let context else { return }
        while context.channel.isWritable, let piece = circuits.next() {
            switch piece {
            case .data(let circuit, let bytes):
                var data = WireCircuitData()
                data.attempt = Data(circuit.bytes)
                data.data = bytes
                context.writeAndFlush(wrapOutboundOut(.circuitData(data)), promise: nil)
            case .end(let circuit, let reason):
                var close = WireCircuitClose()
                close.attempt = Data(circuit.bytes)
                close.reason = reason
                context.writeAndFlush(wrapOutboundOut(.circuitClose(close)), promise: nil)
            }
        }
    }
}
