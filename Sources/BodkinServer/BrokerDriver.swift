import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Synchronization

/// The broker with the connections it speaks to.
///
/// One lock holds all that connections share. What takes time (TLS, parsing, signatures, writing) happens outside of it on the connections' own
/// event loops; inside are a few look-ups. Actions are handed to the event loops while the lock is held, so that each connection has them in the
/// order of the broker's decisions.
final class BrokerDriver: Sendable {
    private struct State: ~Copyable {
        var broker: RendezvousBroker
        var peers: [ConnectionID: PeerConnection.ConnectionHandle] = [:]
        var bindings: [BindingID: STUNConnectionHandler.ConnectionHandle] = [:]
        var count: UInt64 = 0
        var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
        var isClosed = false
    }

    private let state: Mutex<State>
    /// Who may be connected.
    let places: Places
    private let loop: any EventLoop

    init(_ configuration: RendezvousServer.Configuration, places: Places, loop: any EventLoop) {
        var limits = BrokerLimits()
        limits.attempts = configuration.limits.attempts
        limits.dialsToOnePeerPerSecond = configuration.limits.dialsToOnePeerPerSecond
        limits.circuitWindow = configuration.limits.circuitWindow
        limits.messagesPerSecond = configuration.limits.messagesPerSecond
        limits.bufferedBytes = configuration.limits.bufferedBytes
        self.loop = loop
        self.places = places
        state = Mutex(State(broker: RendezvousBroker(limits: limits, quotas: configuration.quotas)))
    }

    /// Lets `body` change the broker, and does what follows from it.
    @discardableResult
    func turn<Result: Sendable>(_ body: (inout RendezvousBroker, NIODeadline) -> Result) -> Result {
        let (result, filled) = state.withLock { state in
            let result = body(&state.broker, loop.now)
            return (result, follow(&state))
        }
        for handle in filled { handle.wake() }
        return result
    }

    /// Reads the broker.
    func look<Result: Sendable>(_ body: (borrowing RendezvousBroker) -> Result) -> Result { state.withLock { body($0.broker) } }

    /// A peer has said hello; nil where there is no room for it.
    func join(
        _ handle: PeerConnection.ConnectionHandle, peer: PeerID, instance: InstanceID, token: Int, source: IPAddress, roundTrip: TimeAmount
    ) -> ConnectionID? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.count += 1
            let id = ConnectionID(state.count)
            let isIn = state.broker.join(
                id, peer: peer, instance: instance, token: token, source: source, roundTrip: roundTrip, now: loop.now)
            if isIn { state.peers[id] = handle }
            return isIn ? id : nil
        }
    }

    /// A peer's connection has ended.
    func leave(_ id: ConnectionID) {
        let filled = state.withLock { state in
            state.peers[id] = nil
            state.broker.leave(id, now: loop.now)
            return follow(&state)
        }
        for handle in filled { handle.wake() }
    }

    /// A TCP connection to a STUN port; nil where the server shuts down.
    func joinSTUN(_ handle: STUNConnectionHandler.ConnectionHandle, _ place: PlaceID) -> BindingID? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            let id = BindingID(place.number)
            state.bindings[id] = handle
            return id
        }
    }

    /// A TCP connection to a STUN port has ended.
    func leaveSTUN(_ id: BindingID) {
        state.withLock { state in
            state.bindings[id] = nil
            state.broker.bindingClosed(id)
        }
    }

    /// Says goodbye to every peer, and closes the connections to the STUN ports; nobody joins any more.
    func close() {
        state.withLock { state in
            state.isClosed = true
            for handle in state.peers.values { handle.post(.fail(.shutdown, "The rendezvous server shuts down. Connect again in a moment.")) }
            for handle in state.bindings.values { handle.close() }
            state.timer?.task.cancel()
            state.timer = nil
        }
    }

    /// Does what follows from a change, and returns the handles that were empty before.
    private func follow(_ state: inout sending State) -> [PeerConnection.ConnectionHandle] {
        var filled: [PeerConnection.ConnectionHandle] = []
        while true {
            let actions = state.broker.takeActions()
            guard !actions.isEmpty else { break }
            for action in actions { if let handle = perform(action, &state) { filled.append(handle) } }
        }
        schedule(&state)
        return filled
    }

    /// Performs an action, and returns the handle that it is the first order in.
    private func perform(_ action: BrokerAction, _ state: inout State) -> PeerConnection.ConnectionHandle? {
        let (id, order): (ConnectionID, PeerConnection.Order)
        switch action {
        case .send(let body, let receiver): (id, order) = (receiver, .send(body))
        case .relay(let data, let circuit, let reader): (id, order) = (reader, .relay(data, circuit))
        case .endCircuit(let circuit, let reason, let reader): (id, order) = (reader, .endCircuit(circuit, reason))
        case .dropCircuit(let circuit, let reader): (id, order) = (reader, .dropCircuit(circuit))
        case .dialBack(let targets, let asker): (id, order) = (asker, .dialBack(targets))
        case .giveRelays(let asker): (id, order) = (asker, .giveRelays)
        case .fail(let code, let message, let failed):
            let handle = state.peers.removeValue(forKey: failed)
            state.broker.leave(failed, now: loop.now)
            return handle?.put(.fail(code, message)) == true ? handle : nil
        case .settle(let id):
            state.bindings[id]?.settle()
            return nil
        case .demote(let id):
            places.demote(PlaceID(id.number))
            return nil
        }
        guard let handle = state.peers[id], handle.put(order) else { return nil }
        return handle
    }

    private func tick() {
        state.withLock { $0.timer = nil }
        turn { broker, now in broker.expire(now: now) }
    }

    private func schedule(_ state: inout State) {
        guard let deadline = state.broker.nextDeadline, !state.isClosed, deadline < state.timer?.deadline ?? .distantFuture else { return }
        state.timer?.task.cancel()
        let task = loop.scheduleTask(deadline: deadline) { [self] in
            tick()
        }
        state.timer = (deadline, task)
    }
}
