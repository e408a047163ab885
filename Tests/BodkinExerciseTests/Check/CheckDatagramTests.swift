import BodkinExercise
import BodkinNATLab
import Testing

/// What `bodkin check` says of UDP.
@Suite(
    "bodkin check and UDP in the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CheckDatagramTests {
    private static func box(_ change: (inout NATParameters) -> Void) -> NATParameters {
        var box = NATParameters()
        change(&box)
        return box
    }

    @Test("what is said of UDP does not come from TCP, nor the other way round")
    func apart() async throws {
        let counting = Self.box { ($0.udp.mapping, $0.udp.allocation) = (.addressAndPortDependent, .sequential(delta: 2)) }
        let first = try await CheckProgram.check([counting])
        #expect(first.udpAllocation.map(\.kind) == ["sequential"] && first.udpAllocation.map(\.delta) == [2])
        #expect(first.allocation.map(\.kind) == ["equal"] && first.udpAllocation.map(\.kept) == [false] && first.allocation.map(\.kept) == [true])
        let drawing = Self.box {
            ($0.tcp.mapping, $0.tcp.allocation) = (.addressAndPortDependent, .random)
            $0.udp.filtering = .endpointIndependent
        }
        let second = try await CheckProgram.check([drawing])
        #expect(second.udpAllocation.map(\.kind) == ["equal"] && second.allocation.map(\.kind) == ["random"])
        #expect(second.udpFiltering.map(\.behaviour) == ["endpoint-independent"])
        #expect(second.filtering.map(\.behaviour) == ["address-and-port-dependent"])
    }

    @Test("where UDP is blocked nothing is said of it, and of TCP all the same")
    func blocked() async throws {
        let output = try await CheckProgram.check(NATPreset.udpBlocked.layers)
        #expect(output.udp.map(\.mapping) == ["blocked"] && output.udpAllocation.isEmpty && output.udpFiltering.isEmpty)
        #expect(output.allocation.map(\.kind) == ["equal"] && output.reset.count == 1 && output.nesting != nil)
    }

    @Test("a server with one address tells how ports are given out, and nothing of what comes in", arguments: [NATPreset.fullCone, .symmetricRandom])
    func oneAddress(_ preset: NATPreset) async throws {
        let output = try await CheckProgram.check(preset.layers, hasSecondAddress: false)
        #expect(output.udpAllocation.map(\.kind) == [preset == .fullCone ? "equal" : "random"] && output.udpFiltering.isEmpty)
        #expect(output.udpAllocation.map(\.kept) == [preset == .fullCone])
    }
}
