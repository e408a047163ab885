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
        let live = remotes.sessionToJoin(with: peer)
        if let live { return eventLoop.makeSucceededFuture(Connection(live)) }
        let own = remotes.dials(with: peer).first { $0.role == .dialer && !$0.isResumption }
        if let own { return own.result(for: call) }
        let attempt = Attempt(dialing: peer, engine: self)
        keep(attempt)
        let result = attempt.result(for: call)
        attempt.begin()
        return result
    }

    /// Why a peer cannot be dialed at all; nil where it can.
    func dialRefusal(to peer: PeerID) -> (any Error)? {
        if let failure { return failure }
        if isOver { return PeerError(.closed, "The local peer is closed. Create another peer.") }
        return peer == id ? PeerError(.ourselves, "This is the ID of the local peer. Use the ID of the remote peer.") : nil
    }

    /// A dial begins, of whichever side.
    func keep(_ attempt: Attempt) {
        remotes.insert(attempt)
        disturbed()
        serverDemandChanged()
    }

    /// A caller gives up: so does the dial, unless another one waits for it.
    func cancelDial(to peer: PeerID, for call: ObjectIdentifier) {
        for attempt in remotes.dials(with: peer) where attempt.role == .dialer { attempt.cancel(for: call) }
    }

    /// Meet somebody: one that we dial, or who dials us.
    /// - Parameter isTakenUp: whether a dial of ours, which may still wait, has let it be so far.
    func received(_ meet: WireMeet, isTakenUp: Bool = false) {
        guard let attemptID = AttemptID(bytes: meet.attempt), let peer = PeerID(publicKey: meet.peer) else { return }
        if meet.isDialer {
            guard let attempt = remotes.dial(attemptID), attempt.role == .dialer, attempt.peer == peer else { return }
            return attempt.meet(meet)
        }
        var answer = WireMeetAck()
        answer.attempt = meet.attempt
        // The same Meet again, over another link: the server has not had our answer to the first one. The circuit of that went with its link.
        if let former = remotes.dial(attemptID), former.role == .called, former.peer == peer {
            guard former.session == nil else { return link?.send(.meetAck(answer)) ?? () }
            circuits[attemptID]?.endByPeer()
            former.end()
        }
        guard remotes.dial(attemptID) == nil, peer != id, configuration.admission.admits(peer),
            remotes.calledCount < Self.calledLimit
        else {
            answer.answer = .declined
            link?.send(.meetAck(answer))
            return
        }
        answer.answer = .accepted
        // Declined, the other's dial would fail before ours reaches it; accepted and left alone, it folds into ours.
        if !isTakenUp, let own = standing(against: peer) {
            own.leftAlone = meet
            return link?.send(.meetAck(answer)) ?? ()
        }
        link?.send(.meetAck(answer), flush: false)
        // Two attempts of one dialer would be in each other's way, and it has given the earlier one up.
        if meet.direct { for former in remotes.dials(with: peer) where former.isFormer(of: peer, Array(meet.instance)) { former.giveWay() } }
        let attempt = Attempt(attemptID, calledBy: peer, engine: self)
        keep(attempt)
        if !meet.early.isEmpty { answerCircuit(attempt, early: ByteBuffer(bytes: meet.early)) }
        link?.flush()
        attempt.meet(meet)
        attempt.expire()
    }

    private func answerCircuit(_ attempt: Attempt, early: ByteBuffer) {
        guard usesCircuits else {
            var end = WireCircuitClose()
            end.attempt = Data(attempt.id.bytes)
            link?.send(.circuitClose(end), flush: false)
            return
        }
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
