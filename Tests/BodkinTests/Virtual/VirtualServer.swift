import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Logging
import NIOCore
import NIOSSL

@testable import BodkinServer

/// A rendezvous server on a virtual host: the shipped broker, connections and STUN, on virtual sockets.
final class VirtualServer {
    let url: RendezvousURL
    private let network: VirtualNetwork
    private let configuration: RendezvousServer.Configuration
    private let certificate: CertificateIdentity
    private var driver: BrokerDriver?
    private var listeners: [any Channel] = []

    /// A server that listens. With `addressCount` 2 it answers STUN on both of its host's addresses.
    init(on network: VirtualNetwork, identity: Identity, addressCount: Int = 1) throws {
        self.network = network
        let addresses = network.host("server").addresses
        certificate = try CertificateIdentity(identity)
        var configuration = RendezvousServer.Configuration(hosts: ["\(addresses[0])"], credentials: .identity(identity), admission: .open)
        configuration.bindAddresses = [addresses[0]]
        if addressCount > 1 { configuration.secondAddress = addresses[1] }
        self.configuration = configuration
        url = RendezvousURL(
            hosts: [.init("\(addresses[0])", configuration.port)], keyHash: try certificate.publicKeyHash(), token: nil,
            stunPort: configuration.stunPort)
        try start()
    }

    /// Listens, with nothing in memory.
    func start() throws {
        let plan = try BindPlan(configuration)
        let places = Places(configuration.limits, configuration.quotas.address, loop: network.loop)
        let driver = BrokerDriver(configuration, places: places, loop: network.loop)
        self.driver = driver
        let sockets = STUNSocketTable(plan)
        sockets.set(ports: [plan.stunPort, plan.alternateSTUNPort])
        let advertised = plan.stunAddresses.flatMap { address in
            [plan.stunPort, plan.alternateSTUNPort].map { WireTransportAddress(Endpoint(address, $0)) }
        }
        let service = PeerService(
            configuration, access: Access(configuration.admission, refusing: []), driver: driver, keyHash: try certificate.publicKeyHash(),
            stun: advertised, otherAddress: { plan.other(than: $0) },
            logger: Logger(label: "server", factory: { _ in SwiftLogNoOpLogHandler() }))
        let context = try TLSContexts.server(certificate, protocol: TLSContexts.rendezvousProtocol)
        try listen(plan.port) { channel in
            guard places.accept(channel, .rendezvous) else { return }
            try service.addHandlers(to: channel, context)
        }
        let limits = configuration.limits
        for port in [plan.stunPort, plan.alternateSTUNPort] {
            try listen(port) { channel in
                guard places.accept(channel, .stun), let place = places.place(of: channel) else { return }
                try channel.pipeline.syncOperations.addHandler(STUNConnectionHandler(place, driver: driver, limits: limits, sockets: sockets))
            }
        }
    }

    private func listen(_ port: UInt16, _ accept: @escaping (any Channel) throws -> Void) throws {
        let listening = network.host("server").listen(
            .v4, port: port, isShared: false, on: network.loop, accept: NIOLoopBound(accept, eventLoop: network.loop))
        listeners.append(try listening.wait())
    }

    /// What the server does at the moment.
    var statistics: ServerStatistics? { driver?.look { $0.statistics } }

    /// Ends without a message: a connected peer learns it by a FIN, or, after a power cut, by an RST when it sends something.
    func crash(isPowerCut: Bool = true) {
        isPowerCut ? network.host("server").cutPower() : network.host("server").killProgram()
        network.host("server").isOn = true
        listeners = []
        driver = nil
    }
}
