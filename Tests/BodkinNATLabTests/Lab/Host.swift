import BodkinNATLab

/// Programs beside the lab's hosts, such as tshark and the command itself.
enum Host {
    /// Runs a program to its end in a host that has no part in the test.
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ProcessResult {
        var topology = Topology(seed: 1)
        topology.addServer()
        return try await withLab(topology) { try await $0.host("server").run(arguments, environment: environment) }
    }
}
