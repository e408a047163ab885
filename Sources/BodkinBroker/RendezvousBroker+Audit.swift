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
            && attempts.values.allSatisfy { $0.paidBytes == $0.flightSize } && attempts.count <= limits.attempts && parked.count <= limits.parked
            && clients.values.allSatisfy { $0.bindings.count <= Registration.maximumBindings }
            && names.count == instances.count && names.allSatisfy { clients[$0.value]?.registration?.stunName == $0.key }
            && (0...attempts.count).contains(circuitCount) && memoryInUse == bufferedByteCount && bufferedByteCount <= limits.bufferedBytes
            && windows.total == attempts.values.reduce(0) { $0 + ($1.circuit?.extra ?? 0) }
    }

    /// The bytes that are kept, counted where they are.
    private var memoryInUse: Int {
        clients.values.reduce(0) { sum, client in
            sum + client.held + (client.registration?.byteCount ?? 0) + client.queued.values.reduce(0) { $0 + $1.count }
        } + attempts.values.reduce(0) { $0 + $1.paidBytes }
    }
}
