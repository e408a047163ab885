import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore
import NIOPosix

/// Finds out what the network here looks like to a peer.
///
/// ```swift
/// let profile = try await NetworkCheck.run(configuration)
/// print(profile.tcp.map(\.kind))
/// ```
public enum NetworkCheck {
    /// How long an answer over TCP or UDP is waited for. Two lost packets in a row still fit.
    static let patience = TimeAmount.milliseconds(3500)

    /// Registers with the server of the configuration, and asks its STUN ports from local ports of the check's own, never from the reserved one.
    /// - Throws: ``TransportError`` where no address of the server can be found.
    public static func run(_ configuration: Peer.Configuration) async throws -> NetworkProfile {
        let ways = try await ServerResolution.ways(to: configuration.rendezvous)
        let stunPort = configuration.rendezvous.stunPort
        var addresses: [IPAddress] = []
        for way in ways where !addresses.contains(where: { $0.family == way.endpoint.address.family }) { addresses.append(way.endpoint.address) }
        let eventLoop = (configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
        async let reachability = reachability(configuration)
        var tcp: [MappingProfile] = []
        var udp: [MappingProfile] = []
        for address in addresses {
            let servers = [stunPort, stunPort == .max ? 1 : stunPort + 1].map { Endpoint(address, $0) }
            async let overUDP = STUNProbe.udp(address.family, servers: servers, on: eventLoop)
            tcp.append(await STUNProbe.tcp(address.family, servers: servers, on: eventLoop))
            udp.append(await overUDP)
        }
        return NetworkProfile(
            interfaces: NetworkInterface.current(), routes: DefaultRoute.current(), reachability: await reachability, tcp: tcp, udp: udp)
    }

    private static func reachability(_ configuration: Peer.Configuration) async -> NetworkProfile.Reachability {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            return try await withPeer(configuration) { peer in
                try await peer.registered()
                return .registered(after: clock.now - start)
            }
        } catch {
            return .failed(error)
        }
    }
}
