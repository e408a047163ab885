import BodkinCore
import BodkinPrediction
import BodkinSystem
import NIOCore

/// Looks at how external ports are given out, from ports of its own.
enum AllocationProbe {
    /// What the probes are sent over. A NAT may have one allocator for both, so that they are looked at one after the other.
    enum Transport {
        case tcp
        case udp

        /// How often it is looked where no pattern shows. Nothing of Bodkin's depends on UDP, and nobody shall wait for it.
        fileprivate var lookLimit: Int { self == .tcp ? 3 : 2 }
    }

    /// Samples as thoroughly as a plan knows how: nobody waits for a dial. Nil where there is nothing to be asked, or where the outside sees this machine's own
    /// endpoint.
    static func run(_ mapping: MappingProfile, over transport: Transport, on eventLoop: any EventLoop) async -> AllocationProfile? {
        // Those that are silent cost a second each, and tell nothing.
        let servers = mapping.samples.filter { $0.mapped != nil }.map(\.server)
        switch mapping.kind {
        case .blocked: return nil
        case .none:
            return AllocationProfile(
                family: mapping.family,
                estimate: AllocationEstimate(mapping: .none, allocation: .equal, confidence: 1, addresses: mapping.mapped.map(\.address)),
                isSteady: true, sampleCount: servers.count, serverAddressCount: Set(servers.map(\.address)).count)
        case .endpointIndependent, .endpointDependent, .unknown: break
        }
        let own = (try? await eventLoop.submit { Set(NetworkInterface.current().flatMap(\.addresses).map(\.address)) }.get()) ?? []
        var profile = await look(mapping, servers, own, over: transport, on: eventLoop)
        // What came too late, or was lost, may have hidden the pattern.
        for _ in 1..<transport.lookLimit where profile.estimate.allocation == .unknown && !Task.isCancelled {
            profile = await look(mapping, servers, own, over: transport, on: eventLoop)
        }
        return profile
    }

    private static func look(
        _ mapping: MappingProfile, _ servers: [Endpoint], _ own: Set<IPAddress>, over transport: Transport, on eventLoop: any EventLoop
    ) async -> AllocationProfile {
        let base = PortSampler.base()
        var samples: [AllocationSample] = []
        for plan in [SamplingPlan.quick(towards: servers), .thorough(towards: servers)] where !Task.isCancelled {
            switch transport {
            case .tcp: samples += await (try? eventLoop.flatSubmit { PortSampler.run(plan, from: base, on: eventLoop) }.get()) ?? []
            case .udp: samples += await DatagramSampler.run(plan, from: base, mapping.family, on: eventLoop)
            }
        }
        var profile = AllocationProfile(samples, family: mapping.family, localAddresses: own)
        // What the samples leave open, as where answers came too late, the port that was asked from one destination after the other may tell.
        switch mapping.kind {
        case .endpointIndependent: profile.isSteady = profile.isSteady ?? true
        case .endpointDependent: profile.isSteady = profile.isSteady ?? false
        case .blocked, .none, .unknown: break
        }
        return profile
    }
}
