import BodkinCore

@testable import BodkinEmulation

/// One NAT on a bench, with a clock that stands still until it is told to move.
final class Bench {
    static let external: IPAddress = "203.0.113.1"
    static let host: Endpoint = "192.168.1.10:5000"
    static let neighbour: Endpoint = "192.168.1.11:5000"
    static let server: Endpoint = "198.51.100.1:443"
    static let serverOtherPort: Endpoint = "198.51.100.1:444"
    static let stranger: Endpoint = "198.51.100.2:443"

    var nat: NATTable
    var now = LabInstant.start

    init(seed: UInt64 = 1, external: IPAddress? = Bench.external, _ change: (inout NATParameters) -> Void = { _ in }) {
        var parameters = NATParameters()
        change(&parameters)
        nat = NATTable(parameters, externalAddress: external, seed: seed)
    }

    init(_ parameters: NATParameters, seed: UInt64 = 1) { nat = NATTable(parameters, externalAddress: Self.external, seed: seed) }

    func wait(_ time: Duration) { now = now.advanced(by: time) }

    /// From inside.
    @discardableResult
    func send(
        from source: Endpoint = Bench.host, to destination: Endpoint = Bench.server, _ flags: TCPFlags = .syn,
        over transport: TransportProtocol = .tcp
    ) -> NATVerdict {
        nat.outbound(PacketSummary(Flow(transport, from: source, to: destination), flags: transport == .tcp ? flags : []), at: now)
    }

    /// From outside.
    @discardableResult
    func receive(
        from source: Endpoint = Bench.server, at destination: Endpoint = Endpoint(Bench.external, 5000), _ flags: TCPFlags = .syn,
        over transport: TransportProtocol = .tcp
    ) -> NATVerdict {
        nat.inbound(PacketSummary(Flow(transport, from: source, to: destination), flags: transport == .tcp ? flags : []), at: now)
    }

    /// The external endpoint that a packet from inside leaves with.
    func external(
        of source: Endpoint = Bench.host, towards destination: Endpoint = Bench.server, over transport: TransportProtocol = .tcp
    ) -> Endpoint? {
        send(from: source, to: destination, over: transport).source
    }

    /// Opens a TCP connection from inside with all three segments; nil where one did not pass.
    @discardableResult
    func connect(from source: Endpoint = Bench.host, to destination: Endpoint = Bench.server) -> Endpoint? {
        guard let external = send(from: source, to: destination).source,
            receive(from: destination, at: external, [.syn, .ack]).isPassed, send(from: source, to: destination, .ack).isPassed
        else { return nil }
        return external
    }
}

extension NATVerdict {
    var translation: Translation? {
        switch self {
        case .passed(let translation), .turnedBack(let translation): translation
        case .refused: nil
        }
    }
    var source: Endpoint? { translation?.source }
    var destination: Endpoint? { translation?.destination }
    var isPassed: Bool { if case .passed = self { true } else { false } }
    var isTurnedBack: Bool { if case .turnedBack = self { true } else { false } }
    var reason: Reason? { if case .refused(_, let reason) = self { reason } else { nil } }
    var refusal: Refusal? { if case .refused(let refusal, _) = self { refusal } else { nil } }
}

extension NATParameters {
    /// Changes the behaviour towards both transports.
    mutating func both(_ change: (inout TransportBehaviour) -> Void) {
        change(&tcp)
        change(&udp)
    }
}
