import BodkinCore

/// What must hold in a broker between any two calls, for tests that give it hostile messages.
extension RendezvousBroker {
    /// The number of connections that have said hello.
    package var clientCount: Int { clients.count }

    /// Whether every bound holds, and every index agrees with what it indexes.
    package var isConsistent: Bool {
        let waiting = Set(attempts.filter { $0.value.state == .pending }.keys)
        let indexed: Set<AttemptID> = pending.values.reduce(into: []) { $0.formUnion($1) }
        return waiting == indexed && waiting.count == pendingCount && waiting.count <= limits.pendingDials
            && !pending.values.contains(where: \.isEmpty)
            && !attempts.values.contains { $0.aheadCount > limits.aheadBytes && $0.isRepeatable }
            && attempts.count <= limits.attempts && parked.count <= limits.parked
            && clients.values.allSatisfy { $0.warm.count <= Registration.maximumWarmConnections }
            && (0...attempts.count).contains(circuitCount)
    }
}
