import BodkinCore
import NIOCore

extension NetworkCheck {
    /// What is looked at when no other connection of this machine's is under way: each would pass for somebody else's.
    struct Findings {
        var allocations: [AllocationProfile] = []
        var hairpin: Bool?
        var resets: [ResetProfile] = []
        var nesting: NestingProfile?
        var udpAllocations: [AllocationProfile] = []
        var udpFiltering: [FilteringProfile] = []
    }

    /// First how ports of TCP connections are given out; then all that must not disturb this, at once.
    static func findings(
        in mappings: [MappingProfile], _ datagrams: EventLoopFuture<[MappingProfile]>, on eventLoop: any EventLoop
    ) async -> Findings {
        var found = Findings()
        for mapping in mappings where !Task.isCancelled {
            if let allocation = await AllocationProbe.run(mapping, over: .tcp, on: eventLoop) { found.allocations.append(allocation) }
        }
        // Nobody wants the rest any more, or something has come between that it would disturb.
        if Task.isCancelled { return found }
        let allocations = found.allocations
        async let hairpin = hairpin(mappings, allocations, on: eventLoop)
        async let resets = resets(mappings, allocations, on: eventLoop)
        // Without UDP there is nothing to be looked at, and where nothing answers that takes its time to be known.
        let udp = (try? await datagrams.get()) ?? []
        for mapping in udp {
            if let allocation = await AllocationProbe.run(mapping, over: .udp, on: eventLoop) { found.udpAllocations.append(allocation) }
        }
        // These send datagrams themselves.
        async let nesting = nesting(mappings, on: eventLoop)
        for mapping in udp { if let filtering = await DatagramFiltering.run(mapping, on: eventLoop) { found.udpFiltering.append(filtering) } }
        (found.hairpin, found.resets, found.nesting) = await (hairpin, resets, nesting)
        return found
    }

    /// Whether two ports reach each other by their outside endpoints, where these are kept.
    private static func hairpin(
        _ mappings: [MappingProfile], _ allocations: [AllocationProfile], on eventLoop: any EventLoop
    ) async -> Bool? {
        let kept = mappings.first { mapping in
            mapping.family == .v4 && mapping.kind != .none && allocations.contains { $0.family == .v4 && $0.keepsEndpoint == true }
        }
        guard let server = kept?.samples.first(where: { $0.mapped != nil })?.server else { return nil }
        return await HairpinProbe.run(server, on: eventLoop)
    }

    private static func nesting(_ mappings: [MappingProfile], on eventLoop: any EventLoop) async -> NestingProfile? {
        guard let mapping = mappings.first(where: { $0.family == .v4 }) else { return nil }
        return await NestingProbe.run(mapping, on: eventLoop)
    }

    private static func resets(
        _ mappings: [MappingProfile], _ allocations: [AllocationProfile], on eventLoop: any EventLoop
    ) async -> [ResetProfile] {
        var profiles: [ResetProfile] = []
        for mapping in mappings {
            let allocation = allocations.first { $0.family == mapping.family }
            if let profile = await ResetProbe.run(mapping, allocation, on: eventLoop) { profiles.append(profile) }
        }
        return profiles
    }
}
