import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Asks every relay for an allocation at once, and keeps the first: of the relays that have room, that is the nearest. Confined to its event loop.
///
/// The allocation is given back when it was released, and no path runs by it any more.
final class RelayRace {
    enum Event {
        /// A relay listens at this endpoint.
        case allocated(Endpoint)
        /// It has answered for every address that it was to permit.
        case permitted
        /// A remote host has connected to it.
        case accepted(any Channel)
        /// No relay gives an allocation, or the one that did is gone.
        case failed(String)
    }

    /// The most connections that are accepted: the remote peer's, its relay's, and what others in its network may try.
    private static let acceptLimit = 8

    private var entries: [(server: TURNClient.Server, credentials: ArraySlice<TURNCredential>, client: TURNClient?, isOver: Bool)]
    private let family: IPAddress.Family
    private let gate: Gate
    private let eventLoop: any EventLoop
    private var onEvent: ((Event) -> Void)?
    private var chosen: Int?
    private var awaited: Set<IPAddress> = []
    private var refusal: TURNRefusal?
    private var acceptedCount = 0
    private var pathCount = 0
    private var isReleased = false

    init(_ relays: [Relay], _ family: IPAddress.Family, through gate: Gate, on eventLoop: any EventLoop, onEvent: @escaping (Event) -> Void) {
        (self.family, self.gate, self.eventLoop, self.onEvent) = (family, gate, eventLoop, onEvent)
        entries = relays.flatMap { relay in relay.servers.map { ($0, relay.credentials[...], nil, false) } }
    }

    /// Asks. To be called once.
    func begin() {
        for index in entries.indices { ask(index) }
        failIfOver()
    }

    /// Lets remote hosts at these addresses connect; ``Event/permitted`` follows.
    func permit(_ addresses: [IPAddress]) {
        let meant = Set(addresses.filter { $0.family == family })
        awaited = meant
        // Without any, only the remote peer's relay is of use, which is permitted as soon as it is known.
        guard !meant.isEmpty else { return eventLoop.assumeIsolated().execute { [weak self] in self?.emit(.permitted) } }
        for address in meant { client?.permit(address) }
    }

    /// Connects from the relayed endpoint.
    func connect(to endpoint: Endpoint) -> EventLoopFuture<any Channel> {
        guard let client else { return eventLoop.makeFailedFuture(TURNRefusal.closed) }
        let connection = client.connect(to: endpoint)
        connection.assumeIsolated().whenSuccess { [self] in carry($0) }
        return connection
    }

    /// Gives the allocation back as soon as no path runs by it.
    func release() {
        isReleased = true
        onEvent = nil
        closeIfUnused()
    }

    private var client: TURNClient? { chosen.flatMap { entries[$0].client } }

    private func emit(_ event: Event) { onEvent?(event) }

    private func ask(_ index: Int) {
        guard !isReleased, let credential = entries[index].credentials.popFirst() else { return entries[index].isOver = true }
        // It may be over before this returns.
        let client = TURNClient(entries[index].server, as: credential, family, through: gate, on: eventLoop) { [self] in happened($0, at: index) }
        if !entries[index].isOver { entries[index].client = client }
    }

    private func happened(_ event: TURNClient.Event, at index: Int) {
        switch event {
        case .allocated(let endpoint, _): allocated(endpoint, at: index)
        case .permitted(let address), .notPermitted(let address, _): answered(address)
        case .accepted(let channel, _): accepted(channel)
        case .ended(let refusal): ended(refusal, at: index)
        }
    }

    private func allocated(_ endpoint: Endpoint, at index: Int) {
        guard chosen == nil, !isReleased else { return }
        chosen = index
        for other in entries.indices where other != index { entries[other].client?.close() }
        emit(.allocated(endpoint))
    }

    private func answered(_ address: IPAddress) { if awaited.remove(address) != nil, awaited.isEmpty { emit(.permitted) } }

    private func accepted(_ channel: any Channel) {
        acceptedCount += 1
        guard !isReleased, acceptedCount <= Self.acceptLimit else { return channel.close(promise: nil) }
        carry(channel)
        emit(.accepted(channel))
    }

    /// The allocation stays for as long as this.
    private func carry(_ channel: any Channel) {
        pathCount += 1
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            pathCount -= 1
            closeIfUnused()
        }
    }

    private func ended(_ refusal: TURNRefusal?, at index: Int) {
        entries[index].client = nil
        if chosen == nil, refusal == .credentials, !entries[index].credentials.isEmpty { return ask(index) }
        entries[index].isOver = true
        self.refusal = self.refusal ?? refusal
        if chosen == index { emit(.failed((refusal ?? .closed).message)) } else { failIfOver() }
    }

    private func failIfOver() {
        guard chosen == nil, !isReleased, entries.allSatisfy(\.isOver) else { return }
        emit(.failed(refusal?.message ?? "The server has named no relay that can be found. Check the relays' names."))
    }

    private func closeIfUnused() {
        guard isReleased, pathCount == 0 else { return }
        for index in entries.indices { entries[index].client?.close() }
    }
}
