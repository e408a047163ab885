import BodkinCore

/// The ports that a peer listens on, and the NAT bindings of each: when another port takes the reserved one's place, and when a dial has one of its own.
///
/// ```
///                        opened                       an observed binding is lost
///  idle ──start──▶ opening ────▶ reserved ─────────────────────────────────────────▶ rotating
///                     │ failed      ▲  ▲                                                │ │
///                     ▼             │  └── failed: the present port's bindings again ───┘ │
///                  failed           └─── opened: the former port goes on listening ───────┘
/// ```
///
/// A NAT that has forgotten the reserved port would give it another external endpoint, and perhaps not at all: so a fresh port is taken, and remote peers
/// hear of it. A port that the user has chosen is kept. What one remote peer's dial meets with, such as EADDRNOTAVAIL, concerns that dial alone: it may have a
/// port of its own as long as it lasts.
struct PortKeeper: ~Copyable {
    /// Names a port over the peer's lifetime.
    struct PortID: Hashable { fileprivate let number: Int }
    /// Names a binding over the peer's lifetime.
    struct BindingID: Hashable { fileprivate let number: Int }

    /// A way to the server's STUN port.
    struct Route: Hashable {
        let server: Endpoint
        /// The interface to leave by; nil for the one that the system's routes name.
        let interface: String?
    }

    /// An event that the driver reports.
    enum Input {
        case start
        /// A port that was asked for listens in these families.
        case opened(PortID, families: [IPAddress.Family])
        case openFailed(PortID)
        /// The ways to the server are these, or may work again.
        case routes([Route], Attachments)
        /// The network has changed: only these addresses are assigned now, and connections may have left from others.
        case networkChanged(assigned: Set<IPAddress>, [Route], Attachments)
        /// The server has proved itself at this address.
        case serverProved(IPAddress)
        case bindingConnected(BindingID, local: IPAddress?)
        /// The server sees the port as this endpoint.
        case bindingObserved(BindingID, Endpoint)
        case bindingLost(BindingID)
        /// Something on the way has died, or may have: NATs may have forgotten the mappings.
        case mappingsDoubted(isUrgent: Bool)
        /// The system or a NAT holds something against further connections of this dial from the present port.
        case otherPortNeeded(AttemptID)
        case dialEnded(AttemptID)
        case timeout
    }

    /// A thing that the driver is to do.
    enum Action: Equatable {
        /// Listen on a port; 0 for one that is free.
        case open(PortID, number: UInt16)
        /// Listen no more.
        case close(PortID)
        case bind(BindingID, PortID, Route)
        /// Find out whether the mapping is still there.
        case verify(BindingID, isUrgent: Bool)
        /// End a connection that leads nowhere any more.
        case abandon(BindingID)
        /// End a connection whose mapping is of no more use.
        case release(BindingID)
        /// The first port cannot be had.
        case fail
        /// The reserved port is there.
        case reserved
        /// Another port has taken the reserved one's place: dials under way wait until their remote peers know.
        case replaced
        /// The server sees the reserved port by another mapping.
        case mapped
        /// The server does not see it any more by a mapping that it had.
        case unmapped
        /// A dial has a port of its own now.
        case dialPortOpened(AttemptID)
        /// The server sees the port of a dial: its remote peer is to hear of that.
        case dialPortMapped(AttemptID)
    }

    /// How many former ports go on listening, for what others were told of them, and how many of their bindings are kept.
    static let formerLimit = (ports: 2, bindings: 8)
    /// How many dials may have a port of their own at once.
    static let dialPortLimit = 4
    /// The first pause before a binding that never came about is tried again, and the longest: the server's STUN port may be closed to us.
    static let retryPauses = (first: Duration.seconds(1), longest: Duration.seconds(60))
    /// A mapping that has lived for less may be lost again at once; so many of them in a row are replaced without a pause.
    static let shortLife = (time: Duration.seconds(5), limit: 3)

    enum Purpose: Equatable {
        case reserved
        case former
        case dial(AttemptID)
    }

    struct Port {
        let id: PortID
        var purpose: Purpose
        /// Nil until it listens.
        var families: [IPAddress.Family]?
    }

    struct Binding {
        let id: BindingID
        let port: PortID
        let server: IPAddress
        let interface: String?
        var family: IPAddress.Family { server.family }
        var local: IPAddress?
        var observed: Endpoint?
        var observedAt: Instant?
    }

    /// In the order in which they were asked for.
    var ports: [Port] = []
    var bindings: [Binding] = []
    var routes: [Route] = []
    var attachments = Attachments(interfaces: [], routes: [])
    /// When bindings are tried again, and how often in a row they have not come about.
    var retryAt: Instant?
    var failureCount = 0
    /// When the reserved port is replaced, where its mappings are lost too often to do so at once; and how many in a row were short-lived.
    var rotationAt: Instant?
    var shortLifeCount = 0
    private let number: UInt16
    private var lastNumber = 0
    private var actions: [Action] = []

    /// A keeper of a port that the user has chosen; 0 for any.
    init(_ number: UInt16) { self.number = number }

    /// Whether any port will do.
    var isFree: Bool { number == 0 }

    /// The port that remote peers are told of; nil before there is one.
    var reserved: PortID? { ports.first { $0.purpose == .reserved && $0.families != nil }?.id }

    /// The port that a dial connects from: its own, or the reserved one.
    func port(for dial: AttemptID) -> PortID? { ports.first { $0.purpose == .dial(dial) && $0.families != nil }?.id ?? reserved }

    /// The bindings of a port.
    func bindings(of port: PortID?) -> [BindingID] { bindings.filter { $0.port == port }.map(\.id) }

    /// The endpoints as which the server sees a port.
    func observed(of port: PortID?) -> [Endpoint] { bindings.filter { $0.port == port }.compactMap(\.observed) }

    mutating func handle(_ input: Input, at now: Instant) {
        switch input {
        case .start: open(.reserved, number)
        case .opened(let id, let families): opened(id, families)
        case .openFailed(let id): openFailed(id, at: now)
        case .routes(let routes, let attachments):
            (self.routes, self.attachments) = (routes, attachments)
            bindReserved()
        case .networkChanged(let assigned, let routes, let attachments):
            (self.routes, self.attachments) = (routes, attachments)
            leave(assigned)
        case .serverProved(let address): leaveOthers(than: address)
        case .bindingConnected(let id, let local): update(id) { $0.local = local }
        case .bindingObserved(let id, let endpoint): observed(id, endpoint, at: now)
        case .bindingLost(let id): lost(id, at: now)
        case .mappingsDoubted(let isUrgent):
            for binding in bindings where binding.port == reserved && binding.observed != nil { act(.verify(binding.id, isUrgent: isUrgent)) }
        case .otherPortNeeded(let dial): openPort(for: dial)
        case .dialEnded(let dial): if let port = ports.first(where: { $0.purpose == .dial(dial) }) { close(port.id) }
        case .timeout:
            if let retryAt, now >= retryAt {
                self.retryAt = nil
                bindReserved()
            }
            if let rotationAt, now >= rotationAt {
                self.rotationAt = nil
                rotate()
            }
        }
    }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// When to call ``handle(_:at:)`` with a timeout.
    var deadline: Instant? { [retryAt, rotationAt].compactMap { $0 }.min() }

    mutating func act(_ action: Action) { actions.append(action) }

    mutating func open(_ purpose: Purpose, _ number: UInt16 = 0) {
        lastNumber += 1
        let id = PortID(number: lastNumber)
        ports.append(Port(id: id, purpose: purpose))
        act(.open(id, number: number))
    }

    mutating func makeBinding(_ port: PortID, _ route: Route) {
        lastNumber += 1
        let id = BindingID(number: lastNumber)
        bindings.append(Binding(id: id, port: port, server: route.server.address, interface: route.interface))
        act(.bind(id, port, route))
    }
}
