import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The relays of a dial: whom the server has named, the allocation at one of them, and the connections by it.
extension DialDriver {
    func queryRelays() {
        isAwaitingRelays = true
        engine.link?.send(.relayQuery(WireRelayQuery()))
    }

    /// The server has named its relays.
    func received(_ wire: WireRelays) {
        guard isAwaitingRelays else { return }
        isAwaitingRelays = false
        let named = Relay.all(in: wire)
        let resolving = ServerResolution.routes(to: named.map(\.address.host), by: engine.configuration.proxy, on: engine.eventLoop)
        resolving.assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isOver else { return }
            self.relays = zip(named, (try? result.get()) ?? []).map { relay, routes in
                var relay = relay
                relay.routes = routes
                return relay
            }
            self.tell(.relays(Set(self.relays.flatMap(\.routes).filter { $0.tunnel == nil }.map(\.endpoint.address))))
        }
    }

    /// The remote peer's relayed endpoint, or that it has none.
    func received(_ wire: WireRelayed) {
        guard wire.hasEndpoint else { return tell(.remoteRelayed(nil)) }
        if let endpoint = wire.endpoint.endpoint(), endpoint.port > 0 { tell(.remoteRelayed(endpoint)) }
    }

    func send(relayed endpoint: Endpoint?) {
        guard dial.isAtServer else { return }
        var relayed = WireRelayed()
        if let endpoint { relayed.endpoint = WireTransportAddress(endpoint) }
        send(.relayed(relayed))
    }

    func allocate(_ family: IPAddress.Family?, for strategy: Int) {
        releaseRelays()
        let remoteFamilies = Set(dial.meeting?.observed.map(\.address.family) ?? [])
        let race = RelayRace(
            relays, family ?? (remoteFamilies == [.v6] ? .v6 : .v4), through: engine.gate, on: engine.eventLoop
        ) { [weak self] event in self?.happened(event, strategy) }
        relayRace = race
        race.begin()
    }

    func permit(_ addresses: [IPAddress]) { relayRace?.permit(addresses) }

    func releaseRelays() {
        relayRace?.release()
        relayRace = nil
    }

    private func happened(_ event: RelayRace.Event, _ strategy: Int) {
        switch event {
        case .allocated(let endpoint): tell(.allocated(endpoint), to: strategy)
        case .permitted: tell(.permitted, to: strategy)
        case .failed(let reason): tell(.relaysFailed(reason), to: strategy)
        case .accepted(let channel):
            guard isMeeting else { return channel.close(promise: nil) }
            relayedCount += 1
            connected(ShotKey(strategy: strategy, shot: ShotID(target: TURNRelaying.plainShot.target, turn: relayedCount)), channel)
        }
    }

    /// Connects to the remote peer's relayed endpoint.
    func connect(_ key: ShotKey, toRelayed endpoint: Endpoint) {
        connecting[key] = .some(nil)
        let connection = engine.gate.connect(to: endpoint, within: .seconds(10), for: .meet(peer, standing)) { [weak self] channel in
            guard let self, self.connecting[key] != nil else { return channel.close(promise: nil) }
            self.connecting[key] = .some(channel)
        }
        complete(key, by: connection)
    }

    /// Has our relay connect to it.
    func connect(_ key: ShotKey, byRelayTo endpoint: Endpoint) {
        guard let relayRace else { return }
        connecting[key] = .some(nil)
        complete(key, by: relayRace.connect(to: endpoint))
    }

    func complete(_ key: ShotKey, by connection: EventLoopFuture<any Channel>) {
        connection.assumeIsolated().whenComplete { [weak self] result in self?.ended(key, result) ?? (try? result.get())?.close(promise: nil) }
    }

    /// A connection has been established, or has not.
    private func ended(_ key: ShotKey, _ result: Result<any Channel, any Error>) {
        let isAwaited = connecting.removeValue(forKey: key) != nil
        guard isMeeting, isAwaited else { return (try? result.get())?.close(promise: nil) ?? () }
        switch result {
        case .success(let channel): connected(key, channel)
        case .failure(let error): tell(.failed(key.shot, ShotFailure(error)), to: key.strategy)
        }
    }
}

extension PeerEngine {
    /// Whether the server knows TURN relays, and paths by a server are allowed.
    var hasRelays: Bool { usesCircuits && rendezvous.machine.link?.terms?.hasRelays == true }

    func received(_ relays: WireRelays) {
        answerRelayQueries(relays)
        remotes.forEachDial { $0.received(relays) }
    }
}
