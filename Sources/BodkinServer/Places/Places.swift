import BodkinBroker
import BodkinCore
import BodkinSystem
import NIOCore
import Synchronization

/// The driver of ``PlaceTable`` and ``HandshakeQueue``: it closes the sockets of those who make room, and has handshakes begin.
///
/// A connection is counted in the turn in which it is accepted. A socket that is to be closed still takes a descriptor, until its event loop has closed it. While there
/// are many of those, the listeners accept nothing.
final class Places: Sendable {
    private struct State {
        var table: PlaceTable
        var queue: HandshakeQueue
        var channels: [PlaceID: any Channel] = [:]
        var ids: [ObjectIdentifier: PlaceID] = [:]
        var beginnings: [PlaceID: @Sendable () -> Void] = [:]
        /// Accepted channels that are to be closed, and are not yet.
        var closing: Set<ObjectIdentifier> = []
        var timer: Scheduled<Void>?
        /// Connections that have ended since freed memory was given back.
        var endedCount = 0
        var trim: Scheduled<Void>?
    }

    private let state: Mutex<State>
    private let loop: any EventLoop
    private let closingLimit: Int
    /// After so many connections freed memory is worth the milliseconds.
    private static let trimCount = 16

    init(
        _ limits: RendezvousServer.Limits, _ quota: Quota = Quotas().address, descriptors: Int = DescriptorLimit.usable,
        used: Int = DescriptorLimit.used, loop: any EventLoop
    ) {
        let limits = limits.places(quota, descriptors: descriptors, used: used)
        closingLimit = limits.closing
        self.loop = loop
        state = Mutex(State(table: PlaceTable(limits), queue: HandshakeQueue(limits, now: loop.now)))
    }

    /// Whether the number of sockets that wait to be closed forbids to accept more.
    var isCrowded: Bool { state.withLock { $0.closing.count >= closingLimit } }

    /// The connections of a kind.
    func count(_ kind: PlaceLimits.Kind, isAuthenticated: Bool) -> Int { state.withLock { $0.table.count(kind, isAuthenticated: isAuthenticated) } }

    /// A connection has been accepted; false, and it is closed, where it has no place.
    func accept(_ channel: any Channel, _ kind: PlaceLimits.Kind) -> Bool {
        let key = ObjectIdentifier(channel)
        let source = Endpoint(channel.remoteAddress)?.address
        var evicted: [any Channel] = []
        let isIn = state.withLock { state in
            var ids: [PlaceID] = []
            let id = source.flatMap { state.table.enter(kind, source: $0, now: loop.now, evicted: &ids) }
            for id in ids { if let channel = Self.close(id, &state) { evicted.append(channel) } }
            guard let id else {
                state.closing.insert(key)
                return false
            }
            state.channels[id] = channel
            state.ids[key] = id
            return true
        }
        channel.closeFuture.whenComplete { [self] _ in left(key) }
        if !isIn { evicted.append(channel) }
        for channel in evicted { channel.close(promise: nil) }
        return isIn
    }

    /// The place of a channel; nil where it has lost it already.
    func place(of channel: any Channel) -> PlaceID? { state.withLock { $0.ids[ObjectIdentifier(channel)] } }

    /// The connection has authenticated itself; false where there is no room among those that have.
    func authenticate(_ id: PlaceID) -> Bool { state.withLock { $0.table.authenticate(id) } }

    /// What the connection has proved holds no more.
    func demote(_ id: PlaceID) {
        let evicted = state.withLock { state in
            var ids: [PlaceID] = []
            state.table.demote(id, now: loop.now, evicted: &ids)
            return ids.compactMap { Self.close($0, &state) }
        }
        for channel in evicted { channel.close(promise: nil) }
    }

    /// A handshake is to begin: now, where the rate allows it, or later by `begin`, from any thread.
    func beginHandshake(_ id: PlaceID, _ source: IPAddress, _ begin: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.channels[id] != nil else { return false }
            if state.queue.enter(id, source, now: loop.now) { return true }
            state.beginnings[id] = begin
            schedule(&state)
            return false
        }
    }

    private func left(_ key: ObjectIdentifier) {
        state.withLock { state in
            state.closing.remove(key)
            state.endedCount += 1
            scheduleTrim(&state)
            guard let id = state.ids.removeValue(forKey: key) else { return }
            state.table.leave(id)
            Self.forget(id, &state)
        }
    }

    /// What many connections have taken goes back to the system soon after they have ended, and not more often than every five seconds.
    private func scheduleTrim(_ state: inout State) {
        guard state.endedCount >= Self.trimCount, state.trim == nil else { return }
        state.trim = loop.scheduleTask(in: .seconds(5)) { [self] in
            self.state.withLock { ($0.endedCount, $0.trim) = (0, nil) }
            FreedMemory.giveBack()
        }
    }

    /// The table has dropped this connection; its socket takes a descriptor until it is closed.
    private static func close(_ id: PlaceID, _ state: inout State) -> (any Channel)? {
        guard let channel = state.channels[id] else { return nil }
        forget(id, &state)
        state.ids[ObjectIdentifier(channel)] = nil
        state.closing.insert(ObjectIdentifier(channel))
        return channel
    }

    private static func forget(_ id: PlaceID, _ state: inout State) {
        state.channels[id] = nil
        state.beginnings[id] = nil
        state.queue.leave(id)
    }

    private func schedule(_ state: inout State) {
        guard state.timer == nil, let delay = state.queue.delay(now: loop.now) else { return }
        // Not a timer for each.
        state.timer = loop.scheduleTask(in: max(delay, .milliseconds(1))) { [self] in tick() }
    }

    private func tick() {
        let due = state.withLock { state in
            state.timer = nil
            var due: [@Sendable () -> Void] = []
            while let id = state.queue.next(now: loop.now) { if let begin = state.beginnings.removeValue(forKey: id) { due.append(begin) } }
            schedule(&state)
            return due
        }
        for begin in due { begin() }
    }

    /// Nothing is timed any more.
    func close() {
        state.withLock { state in
            state.timer?.cancel()
            state.trim?.cancel()
            state.timer = nil
            state.beginnings = [:]
        }
    }
}

extension RendezvousServer.Limits {
    /// The places that fit into so many descriptors.
    /// - Parameters:
    ///   - quota: what one address may have: all its connections may come back at once, twice.
    ///   - used: how many the process has already.
    func places(_ quota: Quota, descriptors: Int, used: Int) -> PlaceLimits {
        var places = PlaceLimits()
        places.rendezvous.authenticated = connections
        places.rendezvous.unauthenticated = unauthenticatedConnections
        places.stun.authenticated = stunConnections
        places.stun.authenticatedPerSource = stunConnectionsPerSource
        places.stun.unauthenticated = unauthenticatedSTUNConnections
        places.stun.unauthenticatedPerSource = stunConnectionsPerSource
        places.connectRate = 4 + Double(quota.connections) / 25
        places.connectBurst = 64 + 2 * Double(quota.connections)
        places.rendezvous.unauthenticatedPerSource = quota.connections
        places.handshakeRate = handshakesPerSecond
        places.handshakeBurst = handshakesPerSecond
        places.fit(descriptors, used: used)
        return places
    }
}
