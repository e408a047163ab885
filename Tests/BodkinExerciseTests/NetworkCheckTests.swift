import Bodkin
import BodkinExercise
import BodkinNATLab
import NIOCore
import Testing

/// What `bodkin check` finds out, in networks of which it is known.
@Suite(
    "A check of the network", .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct NetworkCheckTests {
    @Test(
        "tells how TCP and UDP are mapped, also where UDP is blocked", .timeLimit(.minutes(1)),
        arguments: [
            (NATPreset.open, MappingProfile.Kind.none, MappingProfile.Kind.none), (.firewall, .none, .none),
            (.portRestricted, .endpointIndependent, .endpointIndependent), (.cgn, .endpointIndependent, .endpointIndependent),
            (.symmetricRandom, .endpointDependent, .endpointDependent), (.udpBlocked, .endpointIndependent, .blocked),
        ])
    func mappings(_ preset: NATPreset, _ tcp: MappingProfile.Kind, _ udp: MappingProfile.Kind) async throws {
        try await withPeerLab(.pair(preset, .open, seed: 1)) { place in
            let configuration = try await place.configuration(in: "a")
            let profile = try await NetworkCheck.run(configuration)
            #expect(profile.tcp.map(\.kind) == [tcp])
            #expect(profile.udp.map(\.kind) == [udp])
            guard case .registered = profile.reachability else {
                Issue.record("not registered: \(profile.reachability)")
                return
            }
            try? await configuration.eventLoopGroup?.shutdownGracefully()
        }
    }
}
