import BodkinCore
import NIOCore
import Synchronization

/// Where a server answers STUN: what RFC 5780 needs to know of one socket's others.
final class STUNPlaces: Sendable {
    private struct State {
        var ports: [UInt16] = []
        var sockets: [Endpoint: any Channel] = [:]
    }

    private let plan: BindPlan
    private let state = Mutex(State())

    init(_ plan: BindPlan) { self.plan = plan }

    /// The two ports, as soon as they are known.
    func set(ports: [UInt16]) { state.withLock { $0.ports = ports } }

    /// Adds a UDP socket.
    func add(_ socket: any Channel, at endpoint: Endpoint) { state.withLock { $0.sockets[endpoint] = socket } }

    /// The UDP socket of an endpoint.
    func socket(at endpoint: Endpoint) -> (any Channel)? { state.withLock { $0.sockets[endpoint] } }

    /// The endpoint that shares neither address nor port; nil where there is no second address.
    func other(than local: Endpoint) -> Endpoint? {
        guard let address = plan.other(than: local.address), let port = state.withLock({ $0.ports.first { $0 != local.port } }) else { return nil }
        return Endpoint(address, port)
    }
}
