import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Dials of ours and of others, and the circuits that they run on.
extension PeerEngine {
    /// Dials a peer, or joins what is under way or alive.
    func connect(to peer: PeerID, for call: ObjectIdentifier) -> EventLoopFuture<Connection> {
        if let error = dialRefusal(to: peer) { return eventLoop.makeFailedFuture(error) }
        return remotes[peer].connect(for: call)
    }

    /// Why a peer cannot be dialed at all; nil where it can.
    func dialRefusal(to peer: PeerID) -> (any Error)? {
        if let failure { return failure }
        if isOver { return PeerError(.closed, "The local peer is closed. Create another peer.") }
        return peer == id ? PeerError(.ourselves, "This is the ID of the local peer. Use the ID of the remote peer.") : nil
    }

    /// A dial begins, of whichever side.
    func keep(_ attempt: DialDriver) {
        remotes.insert(attempt)
        disturbed()
        serverDemandChanged()
    }

    /// A caller gives up: so does the dial, unless another one waits for it.
    func cancelDial(to peer: PeerID, for call: ObjectIdentifier) { remotes[peer].handle(.cancelled(call)) }

    /// Meet somebody: one that we dial, or who dials us.
    func received(_ meet: WireMeet) {
        guard let id = AttemptID(bytes: meet.attempt), let peer = PeerID(publicKey: meet.peer) else { return }
        guard !remotes.isDial(id, ofOtherThan: peer) else { return meet.isDialer ? () : answerMeet(id, isAccepted: false) }
        guard meet.isDialer else { return remotes[peer].handle(.meet(meet, isAccepted: false)) }
        if let attempt = remotes.dial(id), attempt.role == .dialer { attempt.meet(meet) }
    }

    /// Tells the server whether this peer meets.
    func answerMeet(_ id: AttemptID, isAccepted: Bool) {
        var answer = WireMeetAck()
        answer.attempt = Data(id.bytes)
        answer.answer = isAccepted ? .accepted : .declined
        link?.send(.meetAck(answer))
    }

    /// A dial of theirs goes ahead.
    func takeCall(_ meet: WireMeet, of peer: PeerID) {
        guard let id = AttemptID(bytes: meet.attempt) else { return }
        let attempt = DialDriver(id, calledBy: peer, engine: self)
        keep(attempt)
        // All places are taken by those who have proved more.
        guard !attempt.isOver else { return endCircuit(id) }
        if !meet.early.isEmpty { answerCircuit(attempt, early: ByteBuffer(bytes: meet.early)) }
        link?.flush()
        attempt.meet(meet)
        attempt.expire()
    }

    /// The called side of one of our sessions asks for another path.
    func received(_ recall: WireRecall) {
        guard let peer = PeerID(publicKey: recall.peer), let session = SessionID(bytes: recall.session),
            let instance = InstanceID(bytes: recall.instance), remotes.knows(peer)
        else { return }
        remotes[peer].handle(.recalled(instance, generation: recall.generation), of: session)
    }

    private func endCircuit(_ id: AttemptID) {
        var end = WireCircuitClose()
        end.attempt = Data(id.bytes)
        link?.send(.circuitClose(end), flush: false)
    }

    private func answerCircuit(_ attempt: DialDriver, early: ByteBuffer) {
        guard usesCircuits else { return endCircuit(attempt.id) }
        let channel = makeCircuit(attempt.id) { _ in true }
        do {
            let path = try factory.server(channel, kind: .circuit, announcing: nil, admits: { [peer = attempt.peer] in $0 == peer })
            attempt.follow(circuit: path)
            channel.activate()
            channel.receive(early, isCredited: false)
        } catch {
            channel.close(promise: nil)
        }
    }

    /// A circuit of an attempt. `passes` says of each piece whether it is to be sent: the first flight travels in the Dial.
    func makeCircuit(_ id: AttemptID, passes: @escaping (ByteBuffer) -> Bool) -> CircuitChannel {
        let name = Data(id.bytes)
        let carrier = CircuitChannel.Carrier(
            takeEarly: { [weak self] piece in
                guard !passes(piece) else { return false }
                self?.metrics.relayed(piece.readableBytes)
                return true
            },
            send: { [weak self] piece in
                self?.metrics.relayed(piece.readableBytes)
                var data = WireCircuitData()
                data.attempt = name
                data.data = Data(piece.readableBytesView)
                self?.link?.send(.circuitData(data))
            },
            grant: { [weak self] bytes in
                var credit = WireCircuitCredit()
                credit.attempt = name
                credit.bytes = UInt32(clamping: bytes)
                self?.link?.send(.circuitCredit(credit))
            },
            finish: { [weak self] in
                var end = WireCircuitClose()
                end.attempt = name
                self?.link?.send(.circuitClose(end))
            })
        let channel = CircuitChannel(eventLoop: eventLoop, window: rendezvous.circuitWindow, carrier: carrier)
        circuits[id] = channel
        channel.closeFuture.assumeIsolated().whenComplete { [weak self, unowned channel] _ in
            if self?.circuits[id] === channel { self?.circuits[id] = nil }
        }
        return channel
    }
}
