import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The dialler's half of an attempt until both sides meet: the Dial, its answer, and what becomes of it when the link to the server dies.
extension Attempt {
    /// The first pause before a peer that was not there is dialled again, and the longest.
    private static let absences = (first: TimeAmount.milliseconds(250), longest: TimeAmount.seconds(4))

    /// Begins to dial: the circuit's handshake first, since it travels with the Dial.
    func begin() {
        if !isResumption {
            engine.tell(.dialing(peer), since: start)
            openCircuit()
        }
        launch()
    }

    private func launch() {
        timeout = OneShot(on: engine.eventLoop, at: start + TimeAmount(engine.configuration.dialTimeout)) { [weak self] in self?.timedOut() }
        dialIfWaiting()
        engine.link?.flush()
    }

    /// Sends the Dial once the registration is out.
    func dialIfWaiting() {
        guard phase == .waiting, role == .dialler, engine.isRegistrationSent else { return }
        // The circuit's handshake has only so much time: where the server may be long in coming, it begins with the dial.
        if circuitReportIndex == nil { openCircuit() }
        phase = .dialled
        var dial = WireDial()
        if isResumption, let remoteInstance { dial.instance = Data(remoteInstance.bytes) }
        dial.to = Data(peer.publicKey)
        dial.attempt = Data(id.bytes)
        dial.early = Data(early.readableBytesView)
        dial.direct = engine.usesDirectPaths && aim != .circuit
        early.clear()
        engine.link?.send(.dial(dial), flush: false)
        engine.keepVigil()
    }

    private func openCircuit() {
        guard engine.usesCircuits, aim != .directPath else { return }
        let channel = engine.makeCircuit(id) { [weak self] piece in
            guard let self, self.phase == .waiting else { return true }
            self.early.writeImmutableBuffer(piece)
            return false
        }
        do {
            let path = try engine.factory.client(channel, kind: .circuit, expecting: peer, skipping: nil)
            follow(path, circuit: true)
            channel.activate()
        } catch {
            channel.close(promise: nil)
        }
    }

    /// The server says no.
    func refused(_ reason: WireDialFailed.Reason) {
        // Both dial each other: the other one's dial stands, and its connection will be ours.
        if reason == .unavailable, !isResumption {
            if let meet = leftAlone {
                leftAlone = nil
                engine.takeUp(meet)
            }
            if engine.attempts.values.contains(where: { $0.role == .called && $0.peer == peer }) { return }
        }
        if reason == .unavailable, let absence, elapsed + .nanoseconds(absence.nanoseconds) < engine.configuration.dialTimeout {
            instant = OneShot(on: engine.eventLoop, in: absence) { [weak self] in
                self?.dialAnew("the peer was not there", absence: min(absence * 2, Self.absences.longest))
            }
            return
        }
        switch reason {
        case .unresponsive: fail(.unresponsive, "the peer is registered but does not answer: try again in a moment")
        case .quota: fail(.quota, "the rendezvous server allows no more dials now: try again in a minute")
        case .unavailable, .unspecified, .UNRECOGNIZED:
            fail(
                .unavailable, "the peer is not there, or does not let this one dial: check that it listens at this server and allows \(engine.id)")
        }
    }

    /// The link to the server is gone. A meeting that has begun needs it for its circuit alone.
    func lostServer(_ error: TransportError) {
        isLinkLost = true
        guard session == nil || isResumption, phase == .waiting || phase == .dialled else { return }
        if isResumption || outlook != nil { fail(.serverLost, error.message) } else { dialAnew() }
    }

    /// What was sent for it has gone with the link. Whoever waits for it waits on, for as long as before: it is dialled again as soon as the server is back.
    func dialAnew(_ reason: String = "the link to the server is gone", absence: TimeAmount = absences.first) {
        judgePending()
        if let entry = circuitReportIndex, report.attempts[entry].verdict == .pending { judge(entry, .failed, reason) }
        let successor = Attempt(anew: self, absence: absence)
        end()
        engine.keep(successor)
        successor.launch()
    }

    private func timedOut() {
        guard session == nil || isResumption || isOnOffer else { return }
        if phase == .meeting {
            fail(.unreachable, "no path to the peer came up in time: allow circuits (no --direct-only), or try from another network")
        } else {
            fail(.serverLost, "the rendezvous server did not answer the dial in time: check the network, and try again")
        }
    }
}
