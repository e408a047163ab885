import BodkinCore
import BodkinProtocols
import FoundationEssentials
import Logging
import NIOCore

/// What all connections of peers have in common.
final class PeerService: Sendable {
    let hub: Hub
    let limits: RendezvousServer.Limits
    let logger: Logger
    /// SHA-256 of the server's public key, which cards must name.
    let keyHash: [UInt8]
    private let admission: RendezvousServer.Configuration.Admission
    /// Another address of the server than one of its own; nil where there is none.
    let otherAddress: @Sendable (IPAddress) -> IPAddress?
    private let stun: [WireTransportAddress]

    init(
        _ configuration: RendezvousServer.Configuration, hub: Hub, keyHash: [UInt8], stun: [WireTransportAddress],
        otherAddress: @escaping @Sendable (IPAddress) -> IPAddress?, logger: Logger
    ) {
        self.otherAddress = otherAddress
        self.hub = hub
        self.keyHash = keyHash
        self.stun = stun
        self.logger = logger
        limits = configuration.limits
        admission = configuration.admission
    }

    /// The number of the token; nil where it lets nobody in. Every token is compared, so that the time says nothing.
    func token(_ offered: some Sequence<UInt8>) -> Int? {
        switch admission {
        case .open: return 0
        case .tokens(let first, let others):
            var number: Int?
            for (index, token) in ([first] + others).enumerated() where token.matches(offered) { number = index }
            return number
        }
    }

    func welcome() -> WireWelcome {
        var welcome = WireWelcome()
        welcome.version = PeerConnection.version
        welcome.timeMs = wallClock()
        welcome.stun = stun
        welcome.dialsBack = true
        welcome.circuitWindow = UInt32(clamping: limits.circuitWindow)
        return welcome
    }

    /// Milliseconds since 1970.
    func wallClock() -> UInt64 { UInt64(max(Date().timeIntervalSince1970, 0) * 1000) }
}
