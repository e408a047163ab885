import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore

@testable import Bodkin

/// A peer on a virtual host: the shipped engine, in virtual time.
final class VirtualPeer {
    let engine: PeerEngine
    let host: VirtualHost
    private(set) var events: [PeerEvent] = []
    private(set) var accepted: [Connection] = []
    private(set) var error: (any Error)?
    private let network: VirtualNetwork
    private var calls: [Call] = []

    init(
        on name: String, of network: VirtualNetwork, identity: Identity, rendezvous: RendezvousURL,
        _ change: (inout Peer.Configuration) -> Void = { _ in }
    ) throws {
        self.network = network
        host = network.host(name)
        var configuration = Peer.Configuration(identity: identity, rendezvous: rendezvous)
        configuration.system = host
        configuration.profilesNetwork = false
        configuration.admission = .anyone
        change(&configuration)
        let log = NIOLoopBoundBox.makeBoxSendingValue([PeerEvent](), eventLoop: network.loop)
        configuration.onEvent = { log.value.append($0) }
        self.log = log
        let (_, continuation) = AsyncThrowingStream.makeStream(of: Connection.self, throwing: (any Error).self)
        engine = try PeerEngine(configuration, on: network.loop, incoming: continuation)
        engine.begin()
    }

    private let log: NIOLoopBoundBox<[PeerEvent]>

    var id: PeerID { engine.id }
    /// What it has told so far.
    var told: [PeerEvent] { log.value }
    var isRegistered: Bool { if case .registered = engine.state { true } else { false } }

    /// Dials, and waits in virtual time.
    func connect(to peer: PeerID) -> VirtualCall {
        let call = Call()
        calls.append(call)
        let result = VirtualCall()
        engine.connect(to: peer, for: call.id).assumeIsolated().whenComplete { result.result = $0 }
        return result
    }
}

/// What becomes of a dial.
final class VirtualCall {
    var result: Result<Connection, any Error>?
    var connection: Connection? { try? result?.get() }
    var report: ConnectionReport? { connection?.recordHere?.report }
    var error: (any Error)? { if case .failure(let error)? = result { error } else { nil } }
}
