import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The warm connections, by which our NATs keep a mapping that the server has seen.
extension PeerEngine {
    private static let formerWarmLimit = 8

    /// One warm connection for each family that the server has an address of, by each way out: those that are not there yet.
    func openWarmConnections() {
        guard let port else { return }
        warms.removeAll(where: \.isLost)
        // One that was bound to no interface goes on by the one that it left by.
        func name(_ family: IPAddress.Family, _ interface: String?, _ local: IPAddress? = nil) -> String {
            "\(family) \(attachments.wayOut(family, bound: interface, local: local) ?? "")"
        }
        var seen = Set(warms.map { name($0.family, $0.interface, $0.local?.address) })
        for way in ways where port.families.contains(way.endpoint.address.family) {
            guard seen.insert(name(way.endpoint.address.family, way.interface)).inserted else { continue }
            let server = Endpoint(way.endpoint.address, configuration.rendezvous.stunPort)
            let warm = WarmConnection(
                port, to: server, interface: way.interface, roundTrip: isLinkUp ? serverRoundTrip : nil, on: eventLoop,
                keepalive: { [weak self] local in TimeAmount(self?.keepalive(from: local) ?? KeepaliveSearch.first) },
                onEvent: { [weak self] event in self?.warm(event) })
            warms.append(warm)
        }
    }

    /// Those of a reserved port that gives way to another stay open: a warm connection is never closed first.
    func retireWarmConnections() {
        formerWarms = (formerWarms + warms).filter { !$0.isLost }
        while formerWarms.count > Self.formerWarmLimit { formerWarms.removeFirst().close() }
        warms = []
    }

    private func warm(_ event: WarmConnection.Event) {
        guard !isOver else { return }
        switch event {
        case .connected: break
        case .observed:
            warmRetryCount = 0
            learnAllocation()
            for attempt in Array(attempts.values) { attempt.prediction?.begin() }
            hurryUpgrades()
        case .survived(let local, let silence): return answered(after: silence, from: local)
        case .lost(let local, let silence):
            if let silence { died(after: silence, from: local) }
            let wasObserved = warms.contains { $0.isLost && $0.observed != nil }
            warms.removeAll { $0.isLost }
            if wasObserved { renewPort() } else { retryWarmConnections() }
        }
        guard isLinkUp else { return }
        if isRegistrationSent {
            if case .connected = event { return }
            registerAfresh()
        } else {
            registerWhenReady()
        }
    }

    /// One that never worked is tried again, ever more seldom: the server's STUN port may be closed to us.
    func retryWarmConnections() {
        retryWarm?.cancel()
        let delay = TimeAmount.seconds(min(60, 1 << min(warmRetryCount, 6)))
        warmRetryCount += 1
        retryWarm = OneShot(on: eventLoop, in: delay) { [weak self] in self?.openWarmConnections() }
    }
}
