import BodkinCore
import BodkinProtocols
import BodkinTransport

/// A TURN relay that the server has named, the routes to it, and the credentials that may be good there.
struct Relay {
    let address: TURNURI
    private(set) var credentials: [TURNCredential]
    var routes: [ServerRoute] = []

    /// The relays in an answer of the server. Those that are no relays are left out.
    static func all(in wire: WireRelays) -> [Relay] {
        var relays: [Relay] = []
        for entry in wire.relays.prefix(MessageBound.relayCount) {
            guard let address = try? TURNURI(entry.uri), let credential = TURNCredential(entry) else { continue }
            let index = relays.firstIndex { $0.address == address } ?? relays.count
            if index == relays.count { relays.append(Relay(address: address, credentials: [])) }
            relays[index].credentials.append(credential)
        }
        return relays
    }

    /// The relay as it is asked by each of its families.
    var servers: [TURNClient.Server] {
        var families: Set<IPAddress.Family> = []
        return routes.filter { families.insert($0.endpoint.address.family).inserted }.map { route in
            var server = TURNClient.Server(
                route.endpoint, name: address.isSecure ? address.host.name : nil, keyHash: address.keyHash)
            server.tunnel = route.tunnel
            return server
        }
    }
}

extension TURNCredential {
    /// What the server has handed out; nil where it is too long to be sent to a relay.
    init?(_ wire: WireRelay) {
        guard [wire.username, wire.password].allSatisfy({ (1...Self.sizeLimit).contains($0.utf8.count) }) else { return nil }
        self.init(username: wire.username, password: wire.password)
    }
}
