import BodkinCore
import BodkinProtocols
import FoundationEssentials
import Logging
import NIOCore
import Synchronization

/// What all connections of peers have in common.
final class PeerService: Sendable {
    let driver: BrokerDriver
    let limits: RendezvousServer.Limits
    let logger: Logger
    /// SHA-256 of the server's public key, which cards must name.
    let keyHash: [UInt8]
    let access: Access
    let turns = TurnQueues()
    /// Another address of the server than one of its own; nil where there is none.
    let otherAddress: @Sendable (IPAddress) -> IPAddress?
    private let stun: [WireTransportAddress]
    private let hiddenSources: Mutex<HiddenSources>

    init(
        _ configuration: RendezvousServer.Configuration, access: Access, driver: BrokerDriver, keyHash: [UInt8], stun: [WireTransportAddress],
        otherAddress: @escaping @Sendable (IPAddress) -> IPAddress?, logger: Logger
    ) {
        self.otherAddress = otherAddress
        self.driver = driver
        self.keyHash = keyHash
        self.stun = stun
        self.logger = logger
        limits = configuration.limits
        hiddenSources = Mutex(HiddenSources(hosts: configuration.hosts))
        self.access = access
    }

    /// A peer has come from an address.
    func joined(_ peer: PeerID, from source: IPAddress) {
        guard hiddenSources.withLock({ $0.joined(peer, from: source) }) else { return }
        logger.warning(
            "every peer connects from one private address: a proxy in front of the server hides theirs, and no connection becomes direct. Let it pass them through",
            metadata: ["address": "\(source)"])
    }

    func welcome() -> WireWelcome {
        var welcome = WireWelcome()
        welcome.version = PeerConnection.version
        welcome.timeMs = wallClock()
        welcome.stun = stun
        welcome.dialsBack = true
        welcome.offersRelays = access.relays != nil
        welcome.circuitWindow = UInt32(clamping: limits.circuitWindow)
        return welcome
    }

    /// The relays for a peer.
    func relays(for peer: PeerID) -> WireRelays { access.relays?.message(for: peer, at: wallClock() / 1000) ?? WireRelays() }

    /// Milliseconds since 1970.
    func wallClock() -> UInt64 { UInt64(max(Date().timeIntervalSince1970, 0) * 1000) }
}
