package import BodkinCore
package import NIOCore

/// Whose TLS handshake is next. Pure; time is a parameter.
///
/// All handshakes together have a rate. Beyond it they wait, unread, and the sources take turns: an IPv4 address or an IPv6 /48 that opens a thousand connections waits
/// for itself. A waiting connection has a place among the unauthenticated, which bounds the queue.
package struct HandshakeQueue: Sendable {
    private var bucket: TokenBucket
    private var lanes: [Account: AgeQueue<PlaceID>] = [:]
    private var turns = AgeQueue<Account>()
    private var waiting: [PlaceID: Account] = [:]

    /// An empty queue.
    package init(_ limits: PlaceLimits, now: NIODeadline) {
        bucket = TokenBucket(rate: limits.handshakeRate, burst: limits.handshakeBurst, now: now)
    }

    /// How many wait.
    package var count: Int { waiting.count }

    /// A connection is about to begin its handshake; false where it waits.
    package mutating func enter(_ id: PlaceID, _ source: IPAddress, now: NIODeadline) -> Bool {
        if waiting.isEmpty, bucket.take(now: now) { return true }
        let accounts = Account.all(of: source)
        let lane = accounts.count > 1 ? accounts[1] : accounts[0]
        waiting[id] = lane
        turns.append(lane)
        lanes[lane, default: AgeQueue()].append(id)
        return false
    }

    /// The next one that may begin now; nil where none waits, or the rate is used up.
    package mutating func next(now: NIODeadline) -> PlaceID? {
        guard let lane = turns.first, let id = lanes[lane]?.first, bucket.take(now: now) else { return nil }
        turns.remove(lane)
        waiting[id] = nil
        lanes[lane]?.remove(id)
        if lanes[lane]?.count == 0 { lanes[lane] = nil } else { turns.append(lane) }
        return id
    }

    /// How long until the next one may begin; nil where none waits.
    package mutating func delay(now: NIODeadline) -> TimeAmount? { waiting.isEmpty ? nil : bucket.delay(now: now) }

    /// A connection that may have waited is gone.
    package mutating func leave(_ id: PlaceID) {
        guard let lane = waiting.removeValue(forKey: id) else { return }
        lanes[lane]?.remove(id)
        guard lanes[lane]?.count == 0 else { return }
        lanes[lane] = nil
        turns.remove(lane)
    }
}
