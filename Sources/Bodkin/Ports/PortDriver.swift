import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// The driver of ``PortKeeper``: the ports that listen, the connections that keep their NAT bindings, and the timer. Confined to its event loop.
final class PortDriver {
    /// An event that concerns the rest of the peer.
    enum Event {
        /// The first port cannot be had.
        case failed(any Error)
        /// The reserved port is there.
        case reserved
        /// Another port has taken the reserved one's place.
        case replaced
        /// The server sees the reserved port by another mapping.
        case mapped
        /// The server does not see the reserved port any more by a mapping that it had.
        case unmapped
        /// The answer to a binding is a round trip away.
        case bindingConnected
        /// A dial has a port of its own now.
        case dialPortOpened(AttemptID)
        /// The server sees the port of a dial.
        case dialPortMapped(AttemptID)
        /// A binding has answered after a silence.
        case survived(Duration, from: Endpoint?)
        /// A binding has died after a silence.
        case died(Duration, from: Endpoint?)
    }

    /// The rest of the peer, as far as ports concern it.
    struct Delegate {
        /// Takes an accepted connection.
        let accept: (any Channel) throws -> Void
        /// Returns how far the server is; nil where there is no link to it.
        let roundTrip: () -> TimeAmount?
        /// Returns how long the answer to a question about a binding may take.
        let verificationTime: () -> TimeAmount
        /// Returns after what silence a binding from a local endpoint sends something.
        let keepalive: (Endpoint?) -> Duration
        /// Takes an event.
        let handle: (Event) -> Void
    }

    private let gate: Gate
    private let clock: PeerClock
    private let delegate: Delegate
    private(set) var machine: PortKeeper
    private(set) var openPorts: [PortKeeper.PortID: ReservedPort] = [:]
    var bindings: [PortKeeper.BindingID: STUNBinding] = [:]
    private var timer = DeadlineTimer()
    /// Why a port could not be opened, the last time.
    private var error: (any Error)?
    private var isClosed = false

    /// A driver of a port that the user has chosen; 0 for any.
    init(_ number: UInt16, through gate: Gate, clock: PeerClock, _ delegate: Delegate) {
        (self.gate, self.clock, self.delegate) = (gate, clock, delegate)
        machine = PortKeeper(number)
    }

    /// Gives the machine an input, and performs what follows.
    func handle(_ input: PortKeeper.Input) {
        guard !isClosed else { return }
        machine.handle(input, at: clock.now)
        while !isClosed, let action = machine.nextAction() { perform(action) }
        guard !isClosed else { return }
        timer.set(to: machine.deadline, by: clock) { [weak self] in self?.handle(.timeout) }
    }

    /// Ends everything: the mappings are of no more use to anyone.
    func close() {
        isClosed = true
        timer.cancel()
        for binding in bindings.values { binding.close() }
        for port in openPorts.values { port.close() }
        (bindings, openPorts) = ([:], [:])
    }

    private func perform(_ action: PortKeeper.Action) {
        switch action {
        case .open(let id, let number): open(id, number)
        case .close(let id): openPorts.removeValue(forKey: id)?.close()
        case .bind(let id, let port, let route): bind(id, port, route)
        case .verify(let id, let isUrgent): bindings[id]?.verify(within: delegate.verificationTime(), isUrgent: isUrgent)
        case .abandon(let id): bindings.removeValue(forKey: id)?.abandon()
        case .release(let id): bindings.removeValue(forKey: id)?.close()
        case .fail: delegate.handle(.failed(error ?? PeerError(.closed, "The system gave no port. Try again in a moment.")))
        case .reserved: delegate.handle(.reserved)
        case .replaced: delegate.handle(.replaced)
        case .mapped: delegate.handle(.mapped)
        case .unmapped: delegate.handle(.unmapped)
        case .dialPortOpened(let dial): delegate.handle(.dialPortOpened(dial))
        case .dialPortMapped(let dial): delegate.handle(.dialPortMapped(dial))
        }
    }

    private func open(_ id: PortKeeper.PortID, _ number: UInt16) {
        let accept = delegate.accept
        let opening = ReservedPort.open(number, through: gate, on: clock.eventLoop) { channel in try accept(channel) }
        opening.assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isClosed else { return (try? result.get())?.value.close() ?? () }
            switch result {
            case .success(let port):
                self.openPorts[id] = port.value
                self.handle(.opened(id, families: port.value.families))
            case .failure(let error):
                self.error = error
                self.handle(.openFailed(id))
            }
        }
    }

    private func bind(_ id: PortKeeper.BindingID, _ port: PortKeeper.PortID, _ route: PortKeeper.Route) {
        guard let port = openPorts[port] else { return }
        let keepalive = delegate.keepalive
        let binding = STUNBinding(
            port, to: route.server, interface: route.interface, roundTrip: delegate.roundTrip(), on: clock.eventLoop,
            keepalive: { local in TimeAmount(keepalive(local)) }, onEvent: { [weak self] event in self?.happened(event, to: id) })
        // A system that refuses at once has said so already.
        if !binding.isLost { bindings[id] = binding }
    }

    private func happened(_ event: STUNBinding.Event, to id: PortKeeper.BindingID) {
        guard !isClosed else { return }
        switch event {
        case .connected(let local):
            handle(.bindingConnected(id, local: local?.address))
            delegate.handle(.bindingConnected)
        case .observed(let endpoint): handle(.bindingObserved(id, endpoint))
        case .survived(let local, let silence): delegate.handle(.survived(silence, from: local))
        case .lost(let local, let silence):
            if let silence { delegate.handle(.died(silence, from: local)) }
            bindings[id] = nil
            handle(.bindingLost(id))
        }
    }
}

extension PortDriver {
    /// The reserved port, which remote peers are told of; nil before there is one.
    var reserved: ReservedPort? { machine.reserved.flatMap { openPorts[$0] } }

    /// The port that a dial connects from.
    func port(for dial: AttemptID) -> ReservedPort? { machine.port(for: dial).flatMap { openPorts[$0] } }

    /// Whether a dial connects from a port of its own, which no registration names.
    func hasOwnPort(_ dial: AttemptID) -> Bool { machine.port(for: dial) != machine.reserved }

    /// Whether the server sees the port that a dial connects from.
    func isMapped(for dial: AttemptID) -> Bool { !machine.observed(of: machine.port(for: dial)).isEmpty }

    /// The port of a dial, or the reserved one where the dial has none of its own, as candidates are named for it; nil before it is there.
    func candidatePort(for dial: AttemptID?) -> CandidatePort? {
        let id = dial.flatMap { machine.port(for: $0) } ?? machine.reserved
        guard let id, let port = openPorts[id] else { return nil }
        return CandidatePort(number: port.number, families: port.families, observed: machine.observed(of: id))
    }

    /// The bindings of the reserved port.
    var reservedBindings: [STUNBinding] { machine.bindings(of: machine.reserved).compactMap { bindings[$0] } }

    /// A link to the server that was begun at `start` is up, by this route.
    func linkCameUp(_ roundTrip: TimeAmount, by route: ServerRoute?, since start: NIODeadline) {
        for binding in reservedBindings { binding.expect(within: roundTrip) }
        for binding in reservedBindings { binding.serverHasAnswered(by: route, since: start) }
    }

    /// Proves to the server whose the bindings are that it has answered.
    func prove(key: [UInt8]) { for binding in reservedBindings where binding.observed != nil { binding.prove(key: key) } }
}
