import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import Synchronization

extension PeerConnection {
    /// What a connection is asked to do by others.
    enum Order: Sendable {
        case send(WireEnvelope.OneOf_Body)
        case relay(Data, AttemptID)
        case endCircuit(AttemptID, WireCircuitClose.Reason)
        case dropCircuit(AttemptID)
        case dialBack([DialBackTarget])
        case giveRelays
        case fail(WireFailure.Code, String)
    }

    /// The way to a connection from any thread. The connection performs what is posted in its order, all that has gathered in one turn of its event loop.
    struct ConnectionHandle: Sendable {
        private let connection: NIOLoopBound<PeerConnection>
        private let loop: any EventLoop
        private let inbox = Inbox()

        init(_ connection: PeerConnection, _ loop: any EventLoop) {
            self.connection = NIOLoopBound(connection, eventLoop: loop)
            self.loop = loop
        }

        /// Puts an order in. True for the first one since the connection took the last ones: then ``wake()`` has to follow.
        func put(_ order: Order) -> Bool { inbox.add(order) }

        /// Has the connection take what is there.
        func wake() { loop.execute { [connection, inbox] in connection.value.perform(inbox.takeAll()) } }

        func post(_ order: Order) { if put(order) { wake() } }
    }

    /// The orders that wait for a connection's event loop.
    private final class Inbox: Sendable {
        private let orders = Mutex<[Order]>([])

        /// True for the first order since the last ones were taken.
        func add(_ order: Order) -> Bool {
            orders.withLock {
                $0.append(order)
                return $0.count == 1
            }
        }

        func takeAll() -> [Order] {
            orders.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
        }
    }

    private func perform(_ orders: [Order]) {
        isInTurn = true
        for order in orders {
            if case .closing = phase { break }
            switch order {
            case .send(let body): send(body)
            case .relay(let data, let circuit): circuits.append(data, of: circuit)
            case .endCircuit(let circuit, let reason): circuits.end(circuit, reason)
            case .dropCircuit(let circuit): circuits.drop(circuit)
            case .dialBack(let targets): dialBack(targets)
            case .giveRelays: if case .open(_, let peer, _) = phase { send(.relays(shared.relays(for: peer))) }
            case .fail(let code, let message): fail(code, message)
            }
        }
        drain()
        isInTurn = false
        flush()
        account()
    }

    /// What others may have waiting for a peer that does not read: hundreds of Meets. What they have sent beyond that fails, and the peer's connection goes on.
    private static var foreignLimit: Int { 1_048_576 }
    /// What may wait in all. A peer for which more waits has not read for long.
    private static var outboundLimit: Int { 4_194_304 }

    /// Writes a message ahead of what the circuits have waiting. What is written in one turn leaves together, at its end.
    func send(_ body: WireEnvelope.OneOf_Body) {
        guard let context else { return }
        switch body {
        case .meet, .signal, .recall, .observed:
            guard envelopes.waitingByteCount <= Self.foreignLimit else { return refused(body) }
        default: break
        }
        context.write(wrapOutboundOut(body), promise: nil)
        if envelopes.waitingByteCount > Self.outboundLimit { return context.close(promise: nil) }
        guard !isFlushDue else { return }
        isFlushDue = true
        guard !isInTurn else { return }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            connection.value.flush()
            connection.value.account()
        }
    }

    /// Sends what was written.
    func flush() {
        guard isFlushDue, let context else { return }
        isFlushDue = false
        context.flush()
    }

    /// Writes what the circuits have waiting, as long as the socket takes it: what does not fit stays where control messages overtake it.
    func drain() {
        guard let context else { return }
        var written: [AttemptID: Int] = [:]
        while context.channel.isWritable, !circuits.isEmpty {
            var count = 0
            while count < Self.flushSize, let piece = circuits.next() { count += write(piece, to: context, &written) }
            context.flush()
        }
        guard !written.isEmpty, case .open(let id, _, _) = phase else { return }
        shared.driver.turn { [written] broker, _ in broker.written(id, written) }
    }

    /// The bytes that are written before the socket is asked whether it takes more.
    private static var flushSize: Int { 65_536 }

    private func write(_ piece: CircuitQueue.Piece, to context: ChannelHandlerContext, _ written: inout [AttemptID: Int]) -> Int {
        switch piece {
        case .data(let circuit, let bytes):
            var data = WireCircuitData()
            data.attempt = Data(circuit.bytes)
            data.data = bytes
            written[circuit, default: 0] += bytes.count
            context.write(wrapOutboundOut(.circuitData(data)), promise: nil)
            return bytes.count
        case .end(let circuit, let reason):
            var close = WireCircuitClose()
            close.attempt = Data(circuit.bytes)
            close.reason = reason
            context.write(wrapOutboundOut(.circuitClose(close)), promise: nil)
            return 1
        }
    }
}
