import BodkinBroker
import BodkinCore
import BodkinMetrics
import BodkinProtocols
import BodkinTransport
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Opens the sockets of a server.
struct ListenerFactory {
    let configuration: RendezvousServer.Configuration
    let group: any EventLoopGroup
    let driver: BrokerDriver
    let sockets: Sockets
    let connections: ConnectionSet
    let places: Places
    let pages = PageConnections()
    let shortage = ShortageNotice()
    let logger: Logger

    /// Where STUN is answered.
    struct STUN {
        let port: UInt16
        let endpoints: [Endpoint]
        /// As a Welcome names them: first what the URL names.
        let advertised: [WireTransportAddress]
    }

    /// TLS connections of peers.
    func bindRendezvous(_ plan: BindPlan, _ context: NIOSSLContext, _ service: PeerService) async throws -> [Endpoint] {
        try await bindAll(plan.addresses, plan.port, .rendezvous) { endpoint in
            try await bindTCP(endpoint, as: .rendezvous) { channel in
                try service.addHandlers(to: channel, context)
            }
        }
    }

    /// STUN over TCP and UDP, on two ports of each address.
    func bindSTUN(_ plan: BindPlan) async throws -> STUN {
        let sockets = STUNSocketTable(plan)
        let places = places
        var endpoints: [[Endpoint]] = []
        for port in [plan.stunPort, plan.alternateSTUNPort] {
            endpoints.append(
                try await bindAll(plan.stunAddresses, port, .stun) { endpoint in
                    let stream = try await bindTCP(endpoint, as: .stun) { channel in
                        guard let place = places.place(of: channel) else { return channel.close(promise: nil) }
                        try channel.pipeline.syncOperations.addHandler(
                            STUNConnectionHandler(place, driver: driver, limits: configuration.limits, sockets: sockets))
                    }
                    try await bindUDP(stream, sockets)
                    return stream
                })
        }
        let ports = endpoints.compactMap(\.first?.port)
        sockets.set(ports: ports)
        // An empty address is the one that the client uses for the rendezvous.
        let here = ports.map { port in
            var address = WireTransportAddress()
            address.port = UInt32(port)
            return address
        }
        let second = plan.secondAddress.map { address in ports.map { WireTransportAddress(Endpoint(address, $0)) } } ?? []
        return STUN(port: ports.first ?? 0, endpoints: endpoints.flatMap { $0 }, advertised: here + second)
    }

    /// Plain HTTP for the operator's monitoring.
    func bindHealth(_ started: ContinuousClock.Instant) async throws -> Endpoint? {
        guard let endpoint = configuration.healthEndpoint else { return nil }
        let driver = driver
        return try await bindAll([endpoint.address], endpoint.port, .health) { endpoint in
            try await bindTCP(endpoint, as: nil) { channel in
                try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                try channel.pipeline.syncOperations.addHandler(
                    PageResponder("/health", type: "application/json") { Self.health(driver.look { $0.statistics }, since: started) })
            }
        }.first
    }

    private static func health(_ figures: ServerStatistics, since started: ContinuousClock.Instant) -> String {
        """
        {"status": "ok", "uptime_s": \((ContinuousClock.now - started).components.seconds), "registered": \(figures.registered), \
        "circuits": \(figures.circuits), "relayed_bytes": \(figures.relayedBytes), "dials": \(figures.dials)}\n
        """
    }
}
