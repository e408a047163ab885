import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The dialer's half of an attempt until both sides meet: the Dial, its answer, and what becomes of it when the link to the server dies.
extension Attempt {
    /// How long a dial that asks for a forecast alone waits for the remote peer: a check that says nothing for half a minute would be taken for a hung one.
    private static let forecastQueryDialTimeout = TimeAmount.seconds(5)
    /// A dial that its server has let wait for less than the caller does is sent anew, unless there is less left than this.
    private static let leastPatience = TimeAmount.seconds(2)

    /// Begins to dial: the circuit's handshake first, since it travels with the Dial.
    func begin() {
        if !isResumption {
            engine.tell(.dialing(peer), since: start)
            openCircuit()
        }
        launch()
    }

    private func launch() {
        limitTime()
        dialIfWaiting()
        engine.link?.flush()
    }

    private func limitTime() { timeout = OneShot(on: engine.eventLoop, at: callDeadline) { [weak self] in self?.timedOut() } }

    /// Until when the caller waits.
    private var callDeadline: NIODeadline { start + TimeAmount(engine.configuration.dialTimeout) }

    /// How long the server lets the dial wait. Its answer is to be here before the caller's time is up.
    private var patience: TimeAmount {
        let rest = max(callDeadline - engine.eventLoop.now, .zero)
        let margin = min(engine.serverRoundTrip + .milliseconds(100), .nanoseconds(rest.nanoseconds / 4))
        return forecastQuery == nil ? rest - margin : min(rest - margin, Self.forecastQueryDialTimeout)
    }

    /// Sends the Dial once the registration is out. A meeting whose link is gone may be known here alone: it begins anew, unless it has come to a connection.
    func dialIfWaiting() {
        if isLinkLost, phase == .meeting, role == .dialer, session == nil, forecastQuery == nil, !isConnecting { return dialAnew() }
        guard phase == .waiting, role == .dialer, engine.isRegistrationSent else { return }
        // The circuit's handshake has only so much time: where the server may be long in coming, it begins with the dial.
        if circuitReportIndex == nil { openCircuit() }
        phase = .dialed
        var dial = WireDial()
        if isResumption, let remoteInstance { dial.instance = Data(remoteInstance.bytes) }
        dial.to = Data(peer.publicKey)
        dial.attempt = Data(id.bytes)
        dial.early = Data(early.readableBytesView)
        dial.direct = engine.usesDirectPaths && aim != .circuit
        dial.patienceMs = UInt32(clamping: patience.nanoseconds / 1_000_000)
        early.clear()
        engine.link?.send(.dial(dial), flush: false)
        engine.probeServerWhileWaiting()
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
            circuitPath = path
            // The Meet may be long in coming.
            path.expectHandshake(from: callDeadline)
            channel.activate()
        } catch {
            channel.close(promise: nil)
        }
    }

    /// The server says: the dial waits. The remote peer is not there, does not admit us, or has not answered the Meet.
    func pending() {
        guard role == .dialer, phase == .dialed || phase == .meeting else { return }
        // Both dial each other: the other one's dial goes ahead.
        takeUpTheirs()
        guard phase == .meeting else { return isPending = true }
        // What has led to a path needs no other Meet.
        guard session == nil || isResumption, !hasDirectPath, !isCircuitTaken else { return }
        finishStrategies()
        let successor = Attempt(again: self)
        engine.keep(successor)
        if let path = successor.circuitPath, path.channel.isActive { successor.resumeCircuit(path) }
        successor.limitTime()
        engine.probeServerWhileWaiting()
    }

    private func resumeCircuit(_ path: Path) {
        follow(path)
        path.expectHandshake(from: callDeadline)
    }

    private func takeUpTheirs() {
        guard !isResumption, let meet = leftAlone else { return }
        leftAlone = nil
        engine.takeUp(meet)
    }

    /// The server says no.
    func refused(_ reason: WireDialFailed.Reason) {
        // A path has come up all the same.
        guard session == nil || isResumption else { return }
        // Both dial each other: the other one's dial stands, and its connection will be ours.
        if reason == .unavailable, !isResumption {
            takeUpTheirs()
            if engine.remotes.dials(with: peer).contains(where: { $0.role == .called }) { return }
        }
        // The server has a bound of its own, and the caller waits longer than that.
        if isPending, reason != .quota, !isResumption, forecastQuery == nil, callDeadline - engine.eventLoop.now > Self.leastPatience {
            return dialAnew("the peer was not registered")
        }
        fail(reason)
    }

    private func fail(_ reason: WireDialFailed.Reason) {
        switch reason {
        case .unresponsive: fail(.unresponsive, "The peer is registered but does not answer. Try again in a moment.")
        case .quota: fail(.quota, "The rendezvous server allows no more dials now. Try again in a minute.")
        case .unavailable, .unspecified, .UNRECOGNIZED:
            fail(
                .unavailable, "The peer is not registered, or does not allow this dial. Check that it listens at this server and allows \(engine.id)."
            )
        }
    }

    /// Nobody waits for the Meet any more: the server need not, either.
    func withdrawDial() {
        guard role == .dialer, phase == .dialed || phase == .meeting, session == nil || isResumption else { return }
        var cancel = WireDialCancel()
        cancel.attempt = Data(id.bytes)
        engine.link?.send(.dialCancel(cancel))
    }

    /// The remote peer has answered the Meet, and has lost its link to the server since: the circuit will not come up, and the Meet named what may be gone.
    func lostRemote() {
        guard role == .dialer, phase == .meeting, session == nil, forecastQuery == nil, engine.usesCircuits else { return }
        isLinkLost = true
        if !isConnecting { dialAnew("the peer's link to the server is gone") }
    }

    /// The link to the server is gone. A meeting that has begun goes on without its circuit until the next link is there.
    func lostServer(_ error: TransportError) {
        isLinkLost = true
        guard session == nil || isResumption, phase == .waiting || phase == .dialed else { return }
        if isResumption || forecastQuery != nil { fail(.serverLost, error.message) } else { dialAnew() }
    }

    /// What was sent for it has gone with the link. Whoever waits for it waits on, for as long as before: it is dialed again as soon as the server is back.
    func dialAnew(_ reason: String = "the link to the server is gone") {
        finishStrategies()
        if let entry = circuitReportIndex, report.attempts[entry].verdict == .pending { judge(entry, .failed, reason) }
        let successor = Attempt(anew: self)
        end()
        engine.keep(successor)
        successor.launch()
    }

    private func timedOut() {
        guard session == nil || isResumption || isOnOffer else { return }
        if phase == .meeting {
            fail(.unreachable, "No path to the peer was established in time. Allow circuits, or try another network.")
        } else if isPending {
            fail(wasMet ? .unresponsive : .unavailable as WireDialFailed.Reason)
        } else {
            fail(.serverLost, "The rendezvous server did not answer the dial in time. Check the network, and try again.")
        }
    }
}
