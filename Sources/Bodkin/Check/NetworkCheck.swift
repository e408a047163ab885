import BodkinCore
public import BodkinPrediction
import BodkinProtocols
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
    /// Registers with the server of the configuration, and asks its STUN ports from local ports of the check's own, never from the reserved one.
    /// - Throws: `TransportError` where no address of the server can be found.
    public static func run(_ configuration: Peer.Configuration) async throws -> NetworkProfile {
        var routes: [ServerRoute] = []
        do {
            routes = try await ServerResolution.routes(to: configuration.rendezvous)
        } catch {
            // Through a proxy a server is reached whose address nobody knows here.
            guard configuration.proxy != nil else { throw error }
        }
        let eventLoop = (configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
        let gate = Gate(before: configuration.system, servers: routes.addresses, on: eventLoop)
        return await profile(routes.addresses, configuration, through: gate, on: eventLoop) { findings in
            let clock = ContinuousClock()
            let start = clock.now
            var own = configuration
            // The check looks at all of that itself, and more thoroughly.
            own.predictsPorts = false
            own.profilesNetwork = false
            own.waitsForServer = false
            var found: NetworkFindings?
            do {
                let (time, filtering) = try await withPeer(own) { peer in
                    try await peer.registered()
                    let time = clock.now - start
                    async let dialBackResults = peer.dialBackResults()
                    // Not before: further connections of this machine would pass for somebody else's.
                    found = await findings()
                    return (time, await dialBackResults)
                }
                return (.registered(after: time), found ?? NetworkFindings(), filtering)
            } catch {
                if found == nil { found = await findings() }
                return (.failed(error), found ?? NetworkFindings(), [])
            }
        }
    }

    /// Asks the server's STUN ports at these addresses; `meet` says whether the server can be used, what it has met at the reserved port, and when to look at what must not
    /// be disturbed by further connections.
    static func profile(
        _ addresses: [IPAddress], _ configuration: Peer.Configuration, through gate: Gate, on eventLoop: any EventLoop,
        meeting meet: (_ findings: () async -> NetworkFindings) async -> (NetworkProfile.Reachability, NetworkFindings, [FilteringProfile])
    ) async -> NetworkProfile {
        // A thread may have a network of its own, as in the lab: the sockets' counts.
        let attachments = try? await eventLoop.submit {
            let attachments = Attachments(of: gate.system)
            gate.attach(attachments)
            return attachments
        }.get()
        // For callers that wait for them while the peer lives.
        let promise = eventLoop.makePromise(of: [MappingProfile].self)
        async let udp = datagrams(addresses, configuration.rendezvous, for: promise, through: gate, on: eventLoop)
        let datagrams = promise.futureResult
        let tcp = await mappings(addresses, configuration.rendezvous, through: gate, on: eventLoop)
        let (reachability, found, filtering) = await meet { await NetworkFindings.measure(in: tcp, datagrams, through: gate, on: eventLoop) }
        var profile = NetworkProfile(
            interfaces: attachments?.interfaces ?? [], routes: attachments?.routes ?? [], reachability: reachability, tcp: tcp, udp: await udp,
            allocations: found.allocations, filtering: filtering, hairpin: found.hairpin)
        profile.resets = found.resets
        profile.nesting = found.nesting
        (profile.udpAllocations, profile.udpFiltering) = (found.udpAllocations, found.udpFiltering)
        profile.policy.allowsPrediction = configuration.predictsPorts
        return profile
    }

    private static func datagrams(
        _ addresses: [IPAddress], _ url: RendezvousURL, for promise: EventLoopPromise<[MappingProfile]>, through gate: Gate,
        on eventLoop: any EventLoop
    ) async -> [MappingProfile] {
        var profiles: [MappingProfile] = []
        for address in addresses {
            profiles.append(await STUNProbe.udp(address.family, servers: url.stunEndpoints(at: address), through: gate, on: eventLoop))
        }
        promise.succeed(profiles)
        return profiles
    }

    private static func mappings(_ addresses: [IPAddress], _ url: RendezvousURL, through gate: Gate, on eventLoop: any EventLoop) async
        -> [MappingProfile]
    {
        var profiles: [MappingProfile] = []
        for address in addresses {
            profiles.append(await STUNProbe.tcp(address.family, servers: url.stunEndpoints(at: address), through: gate, on: eventLoop))
        }
        return profiles
    }
}
