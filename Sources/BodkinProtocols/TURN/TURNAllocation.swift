package import BodkinCore

/// The client of one allocation over one connection to a TURN server (RFC 8656), for TCP between the relay and remote hosts (RFC 6062) or for UDP. It has no clock and no
/// socket.
///
/// ```swift
/// var allocation = TURNAllocation(.init(credential: credential, family: .v4))
/// allocation.handle(.connected, at: now)
/// while let action = allocation.nextAction() { … }
/// ```
///
/// Permissions and the allocation are refreshed until ``Input/release``. An allocation whose refresh fails is over, and a permission that is refused is told.
package struct TURNAllocation: Sendable {
    /// What it is.
    package struct Configuration: Sendable {
        /// Who asks.
        package var credential: TURNCredential
        /// The family of the relayed address, always asked for: without that it is IPv4.
        package var family: IPAddress.Family
        /// What is relayed.
        package var transport = STUNMessage.RequestedTransport.tcp
        /// How long the allocation is to live without a refresh.
        package var lifetime = Duration.seconds(600)

        /// A configuration for TCP.
        package init(credential: TURNCredential, family: IPAddress.Family) {
            self.credential = credential
            self.family = family
        }
    }

    package enum Input: Sendable {
        /// The connection to the server is up.
        case connected
        /// The server has sent a message.
        case received(STUNMessage)
        /// Remote hosts at this address may connect to the relayed address from now on.
        case permit(IPAddress)
        /// Connect from the relayed address.
        case connect(Endpoint)
        /// The allocation is not needed any more.
        case release
        /// The connection to the server is gone.
        case closed
        /// The deadline has come.
        case timeout
    }

    package enum Action: Hashable, Sendable {
        /// Send a message.
        case send(STUNMessage)
        /// The relay listens at this endpoint; the server sees the connection come from the other one.
        case allocated(Endpoint, mapped: Endpoint?)
        /// Remote hosts at this address may connect.
        case permitted(IPAddress)
        /// The relay is connected to a remote endpoint: bind a connection with this number, at once and once.
        case connected(Endpoint, STUNMessage.ConnectionID)
        /// A remote endpoint has connected to the relay: the same.
        case accepted(Endpoint, STUNMessage.ConnectionID)
        /// There is no permission.
        case notPermitted(IPAddress, TURNRefusal)
        /// There is no connection to a remote endpoint.
        case notConnected(Endpoint, TURNRefusal)
        /// It is over: nil after a release.
        case ended(TURNRefusal?)
    }

    enum Request: Hashable, Sendable {
        case allocate, refresh, release
        case permit(IPAddress)
        case connect(Endpoint)

        /// Whether the allocation ends without it: it has room whatever else is asked.
        var isVital: Bool {
            switch self {
            case .allocate, .refresh, .release: true
            case .permit, .connect: false
            }
        }
    }

    struct Pending: Sendable {
        let request: Request
        let isSigned: Bool
        let deadline: Instant
        /// How often the server has asked for another nonce.
        var challenges = 0
    }

    enum State: Equatable, Sendable {
        case unconnected, allocating, allocated, over
    }

    /// How long an answer may take, on a connection that repeats by itself.
    static let patience = Duration.seconds(10)
    /// The same for an answer that waits for a remote host: coturn gives up after 30 s.
    static let connectPatience = Duration.seconds(40)
    /// RFC 8656 section 9.
    static let permissionLifetime = Duration.seconds(300)
    /// The most permissions and requests at one time.
    static let limit = 64
    /// The bounds of what a server may say of the lifetime.
    static let lifetimes = Duration.seconds(30)...Duration.seconds(3600)

    let configuration: Configuration
    var state = State.unconnected
    var challenge: TURNChallenge?
    var pending: [STUNMessage.TransactionID: Pending] = [:]
    var refreshAt: Instant?
    /// When each permission is to be asked for anew.
    var permissions: [IPAddress: Instant] = [:]
    var actions: [Action] = []

    /// An allocation that is still to be asked for.
    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// What is to be done next; nil where there is nothing.
    package mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// When to call ``handle(_:at:)`` with a timeout; nil where nothing is waited for.
    package var deadline: Instant? {
        guard state != .over else { return nil }
        return (pending.values.map(\.deadline) + permissions.values + [refreshAt].compactMap { $0 }).min()
    }

    package mutating func handle(_ input: Input, at now: Instant) {
        guard state != .over else { return }
        switch input {
        case .connected:
            guard state == .unconnected else { return }
            state = .allocating
            ask(.allocate, at: now)
        case .received(let message): received(message, at: now)
        case .permit(let address):
            guard state == .allocated, permissions[address] == nil else { return }
            guard permissions.count < Self.limit else { return actions.append(.notPermitted(address, .code(508))) }
            permit(address, at: now)
        case .connect(let endpoint):
            guard state == .allocated else { return actions.append(.notConnected(endpoint, .closed)) }
            ask(.connect(endpoint), at: now)
        case .release: state == .allocated ? ask(.release, at: now) : end(nil)
        case .closed: end(.closed)
        case .timeout: timeout(at: now)
        }
    }

    mutating func permit(_ address: IPAddress, at now: Instant) {
        permissions[address] = now + Self.permissionLifetime * 3 / 4
        ask(.permit(address), at: now)
    }

    private mutating func timeout(at now: Instant) {
        for (id, late) in pending where late.deadline <= now {
            pending[id] = nil
            refused(late.request, .unanswered)
            if state == .over { return }
        }
        guard state == .allocated else { return }
        if let refreshAt, refreshAt <= now {
            self.refreshAt = nil
            ask(.refresh, at: now)
        }
        for (address, time) in permissions where time <= now { permit(address, at: now) }
    }

    /// A request will not be met.
    mutating func refused(_ request: Request, _ refusal: TURNRefusal) {
        switch request {
        case .allocate, .refresh: end(refusal)
        case .release: end(nil)
        case .permit(let address):
            permissions[address] = nil
            actions.append(.notPermitted(address, refusal))
        case .connect(let endpoint): actions.append(.notConnected(endpoint, refusal))
        }
    }

    mutating func end(_ refusal: TURNRefusal?) {
        guard state != .over else { return }
        state = .over
        for late in pending.values { if case .connect(let endpoint) = late.request { actions.append(.notConnected(endpoint, refusal ?? .closed)) } }
        (pending, permissions, refreshAt) = ([:], [:], nil)
        actions.append(.ended(refusal))
    }
}
