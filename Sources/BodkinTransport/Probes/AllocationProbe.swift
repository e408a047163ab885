import BodkinCore
import BodkinPrediction
import BodkinSystem
import NIOCore

/// A probe that measures how a NAT allocates external ports. It uses local ports of its own.
enum AllocationProbe {
    /// The transport of the samples. A NAT may have one allocator for both, so the probe samples them one after the other.
    enum Transport {
        case tcp
        case udp

        /// How often the probe samples while no pattern shows. Nothing in Bodkin depends on UDP, so nobody should wait for it.
        fileprivate var samplingLimit: Int { self == .tcp ? 3 : 2 }
    }

    /// Samples by the most thorough plan, because no dial waits for the result.
    /// - Returns: nil if no server answers.
    static func run(_ mapping: MappingProfile, over transport: Transport, through gate: Gate, on eventLoop: any EventLoop) async -> AllocationProfile?
    {
        // A silent server costs a second for each sample, and shows nothing.
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
        let interfaces = (try? await eventLoop.submit { gate.system.interfaces() }.get()) ?? []
        let localAddresses = Set(interfaces.flatMap(\.addresses).map(\.address))
        var profile = await sample(mapping, servers, localAddresses, over: transport, through: gate, on: eventLoop)
        // A late or lost answer may have hidden the pattern.
        for _ in 1..<transport.samplingLimit where profile.estimate.allocation == .unknown && !Task.isCancelled {
            profile = await sample(mapping, servers, localAddresses, over: transport, through: gate, on: eventLoop)
        }
        return profile
    }

    private static func sample(
        _ mapping: MappingProfile, _ servers: [Endpoint], _ localAddresses: Set<IPAddress>, over transport: Transport, through gate: Gate,
        on eventLoop: any EventLoop
    ) async -> AllocationProfile {
        let base = PortSampler.base()
        var samples: [AllocationSample] = []
        for plan in [SamplingPlan.quick(towards: servers), .thorough(towards: servers)] where !Task.isCancelled {
            switch transport {
            case .tcp: samples += await (try? eventLoop.flatSubmit { PortSampler.run(plan, from: base, through: gate, on: eventLoop) }.get()) ?? []
            case .udp: samples += await DatagramSampler.run(plan, from: base, mapping.family, through: gate, on: eventLoop)
            }
        }
        var profile = AllocationProfile(samples, family: mapping.family, localAddresses: localAddresses)
        // If late answers leave it open, the mapping of one port towards several destinations tells.
        switch mapping.kind {
        case .endpointIndependent: profile.isSteady = profile.isSteady ?? true
        case .endpointDependent: profile.isSteady = profile.isSteady ?? false
        case .blocked, .none, .unknown: break
        }
        return profile
    }
}
