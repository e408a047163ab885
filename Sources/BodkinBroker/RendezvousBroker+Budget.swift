package import BodkinCore
package import NIOCore

/// Work and memory, accounted to those who cause them.
extension RendezvousBroker {
    /// Bytes of circuits that wait for a reader, at the expense of the circuit's dialer.
    struct Queued {
        var count: Int
        let accounts: [Account]
    }

    /// Charges a connection and its accounts for a turn's messages, which shows that its peer is alive, and returns how long to take no more of them.
    package mutating func charge(_ id: ConnectionID, _ cost: Double, now: NIODeadline) -> TimeAmount {
        guard let accounts = clients[id]?.accounts else { return .zero }
        clients[id]?.heard = now
        clients[id]?.messages.charge(cost, now: now)
        let debt = clients[id]?.messages.debt(now: now) ?? .zero
        return max(debt, quotas.charge(cost, accounts, now: now))
    }

    /// Sets the memory that a connection takes beyond what every connection takes: half a message, and what its peer does not read. False where a budget does not
    /// have it.
    package mutating func hold(_ id: ConnectionID, _ count: Int) -> Bool {
        guard let client = clients[id] else { return true }
        guard quotas.resize(client.held, to: count, client.accounts) else { return false }
        clients[id]?.held = count
        return true
    }

    /// Has bytes of a circuit queued for a reader; false where a budget does not have the memory.
    mutating func queue(_ count: Int, of attempt: AttemptID, for reader: ConnectionID, _ accounts: [Account]) -> Bool {
        guard clients[reader] != nil else { return true }
        guard quotas.resize(0, to: count, accounts) else { return false }
        clients[reader]?.queued[attempt, default: Queued(count: 0, accounts: accounts)].count += count
        return true
    }

    /// The reader's connection has written so many bytes of circuits.
    package mutating func written(_ id: ConnectionID, _ counts: [AttemptID: Int]) {
        for (attempt, count) in counts {
            guard let queued = clients[id]?.queued[attempt] else { continue }
            let rest = max(queued.count - count, 0)
            _ = quotas.resize(queued.count, to: rest, queued.accounts)
            clients[id]?.queued[attempt] = rest > 0 ? Queued(count: rest, accounts: queued.accounts) : nil
        }
    }

    /// What is queued of a circuit at one end is forgotten there.
    mutating func drop(_ attempt: AttemptID, at id: ConnectionID) {
        if let queued = clients[id]?.queued.removeValue(forKey: attempt) { _ = quotas.resize(queued.count, to: 0, queued.accounts) }
        actions.append(.dropCircuit(attempt, at: id))
    }

    /// Gives back all that a connection holds.
    mutating func releaseMemory(of client: Client) {
        _ = quotas.resize(client.held, to: 0, client.accounts)
        for queued in client.queued.values { _ = quotas.resize(queued.count, to: 0, queued.accounts) }
    }

    /// Pays for the first flight that an attempt keeps at the moment; false where a budget does not have the memory.
    mutating func payFlight(_ id: AttemptID) -> Bool {
        guard let attempt = attempts[id], attempt.paidBytes != attempt.flightSize else { return true }
        guard quotas.resize(attempt.paidBytes, to: attempt.flightSize, attempt.accounts) else { return false }
        attempts[id]?.paidBytes = attempt.flightSize
        return true
    }

    /// The bytes that all connections have the server keep, beyond what every connection takes.
    package var bufferedByteCount: Int { quotas.bufferedByteCount }
}
