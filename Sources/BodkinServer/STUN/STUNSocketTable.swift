import BodkinBroker
import BodkinCore
import NIOCore
import Synchronization

/// Where a server answers STUN: what RFC 5780 needs to know of one socket's others.
final class STUNSocketTable: Sendable {
    private struct State {
        var ports: [UInt16] = []
        var sockets: [Endpoint: any Channel] = [:]
        var budget = DatagramBudget(now: .now())
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

    /// Whether a request over UDP is looked at.
    func takes(from source: IPAddress) -> Bool { state.withLock { $0.budget.takes(from: source, now: .now()) } }

    /// Whether a request over UDP gets an answer of this size, both in bytes.
    func answers(_ answer: Int, to request: Int, from source: IPAddress) -> Bool {
        state.withLock { $0.budget.answers(answer, to: request, from: source, now: .now()) }
    }

    /// The endpoint that shares neither address nor port; nil where there is no second address.
    func other(than local: Endpoint) -> Endpoint? {
        guard let address = plan.other(than: local.address), let port = state.withLock({ $0.ports.first { $0 != local.port } }) else { return nil }
        return Endpoint(address, port)
    }
}
