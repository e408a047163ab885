import BodkinNATLab
import Testing

/// Everything that needs namespaces and TUN: one lab at a time, so that what is measured has the machine to itself.
@Suite(
    "In the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
enum LabTests {}

enum Laboratory {
    /// Whether this machine lets this user build a lab; tried once.
    static var isAvailable: Bool { get async { await attempt.value } }

    private static let attempt = Task {
        var topology = Topology(seed: 1)
        topology.addServer()
        do {
            try await withLab(topology) { _ in }
            return true
        } catch {
            print("no lab here: \(error)")
            return false
        }
    }

    /// The usual two hosts and a server.
    static func pair(
        _ a: NATPreset, _ b: NATPreset, delay: Duration = .milliseconds(20), implementation: Topology.Implementation = .emulated
    ) -> Topology {
        .pair(a, b, link: LinkParameters(delay: delay), implementation: implementation, seed: 20_261)
    }
}
