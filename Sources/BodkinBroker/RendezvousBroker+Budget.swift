package import BodkinCore
import BodkinProtocols
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
        // Every turn of a connection comes here, so the client is changed in place.
        guard let index = clients.index(forKey: id) else { return .zero }
        clients.values[index].heard = now
        clients.values[index].messages.charge(cost, now: now)
        return max(clients.values[index].messages.debt(now: now), quotas.charge(cost, clients.values[index].accounts, now: now))
    }

    /// Counts a message of so many bytes about a circuit that does not exist; false, and the connection ends, if there were too many.
    ///
    /// A peer sends some because its messages cross the end of a circuit, which the remote peer may choose: as many bytes as the circuit had room for are free. A peer
    /// that goes on fills its connection with them, so that the server would find out late when the peer has gone.
    @discardableResult mutating func takeStray(_ id: ConnectionID, _ count: Int = 1, now: NIODeadline) -> Bool {
        guard let index = clients.index(forKey: id) else { return true }
        guard clients.values[index].crossing < max(count, 1) else {
            clients.values[index].crossing -= max(count, 1)
            return true
        }
        guard !clients.values[index].strays.take(now: now) else { return true }
        fail(id, .quota, "The peer sent too many messages about circuits that do not exist. Send none after the end of a circuit.")
        return false
    }

    /// A circuit ends whose sides may still send so many bytes before they hear of it.
    mutating func expectCrossing(_ room: Int, from id: ConnectionID) {
        guard let index = clients.index(forKey: id) else { return }
        clients.values[index].crossing = min(clients.values[index].crossing + room, Self.mostCrossing)
    }

    /// More than the buffers of a TCP connection hold.
    static let mostCrossing = 8 << 20

    /// As many at once as the windows of a hundred circuits may hold, in small messages.
    static func strays(_ now: NIODeadline) -> TokenBucket { TokenBucket(rate: 256, burst: 16_384, now: now) }

    /// Sets the memory that a connection takes beyond what every connection takes: half a message, and what its peer does not read. False where a budget does not
    /// have it.
    package mutating func hold(_ id: ConnectionID, _ count: Int) -> Bool {
        guard let index = clients.index(forKey: id) else { return true }
        guard quotas.resize(clients.values[index].held, to: count, clients.values[index].accounts) else { return false }
        clients.values[index].held = count
        return true
    }

    /// Has bytes of a circuit queued for a reader; false where a budget does not have the memory.
    mutating func queue(_ count: Int, of attempt: AttemptID, for reader: ConnectionID, _ accounts: [Account]) -> Bool {
        guard let index = clients.index(forKey: reader) else { return true }
        guard quotas.resize(0, to: count, accounts) else { return false }
        clients.values[index].queued[attempt, default: Queued(count: 0, accounts: accounts)].count += count
        return true
    }

    /// The reader's connection has written so many bytes of circuits.
    package mutating func written(_ id: ConnectionID, _ counts: [AttemptID: Int]) {
        guard let index = clients.index(forKey: id) else { return }
        for (attempt, count) in counts {
            guard let queued = clients.values[index].queued[attempt] else { continue }
            let rest = max(queued.count - count, 0)
            _ = quotas.resize(queued.count, to: rest, queued.accounts)
            clients.values[index].queued[attempt] = rest > 0 ? Queued(count: rest, accounts: queued.accounts) : nil
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
        guard let index = attempts.index(forKey: id) else { return true }
        let (paid, kept) = (attempts.values[index].paidBytes, attempts.values[index].flightSize)
        guard paid != kept else { return true }
        guard quotas.resize(paid, to: kept, attempts.values[index].accounts) else { return false }
        attempts.values[index].paidBytes = kept
        return true
    }

    /// The bytes that all connections have the server keep, beyond what every connection takes.
    package var bufferedByteCount: Int { quotas.bufferedByteCount }
}
