import ArgumentParser
import BodkinServer

/// The quotas of a server.
struct QuotaOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Limit the connections of all peers; each takes about 28 KiB.", valueName: "count"))
    var connections: Int?
    @Option(help: ArgumentHelp("Limit the connections of peers from one IPv4 address or IPv6 /56.", valueName: "count"))
    var connectionsPerAddress: Int?
    @Option(help: ArgumentHelp("Limit the circuits that peers at one IPv4 address or IPv6 /56 have dialed.", valueName: "count"))
    var circuitsPerAddress: Int?
    @Option(help: ArgumentHelp("Limit the relayed bytes per second for one IPv4 address or IPv6 /56.", valueName: "bytes"))
    var relayRatePerAddress: Int?
    @Option(help: ArgumentHelp("Limit the messages per second from one IPv4 address or IPv6 /56; a registration counts as 40.", valueName: "count"))
    var messageRatePerAddress: Int?
    @Option(help: ArgumentHelp("Limit the dials per second from one IPv4 address or IPv6 /56 to one peer.", valueName: "count"))
    var dialRateToPeer: Int?
    @Option(help: ArgumentHelp("Limit the connections that have not shown a token; the oldest makes room.", valueName: "count"))
    var unauthenticatedConnections: Int?
    @Option(help: ArgumentHelp("Limit the TLS handshakes per second; more wait for their turn.", valueName: "count"))
    var handshakeRate: Int?
    @Option(help: ArgumentHelp("Limit the memory for lists of peers, first flights and what is not read.", valueName: "MiB"))
    var bufferMemory: Int?

    func validate() throws {
        let values = [
            connections, connectionsPerAddress, circuitsPerAddress, relayRatePerAddress, messageRatePerAddress, dialRateToPeer,
            unauthenticatedConnections, handshakeRate, bufferMemory,
        ]
        for value in values.compactMap({ $0 }) where value < 0 {
            throw ValidationError("A quota is negative. Give 0 or more.")
        }
    }

    func apply(to configuration: inout RendezvousServer.Configuration) {
        if let connections { configuration.limits.connections = connections }
        if let dialRateToPeer { configuration.limits.dialsToOnePeerPerSecond = Double(dialRateToPeer) }
        if let unauthenticatedConnections { configuration.limits.unauthenticatedConnections = unauthenticatedConnections }
        if let handshakeRate { configuration.limits.handshakesPerSecond = Double(handshakeRate) }
        if let bufferMemory { configuration.limits.bufferedBytes = min(bufferMemory, 1 << 32) << 20 }
        for path in [\Quotas.address, \Quotas.prefix] {
            if let connectionsPerAddress {
                configuration.quotas[keyPath: path].connections = connectionsPerAddress
                configuration.quotas[keyPath: path].registrations = connectionsPerAddress
            }
            if let circuitsPerAddress { configuration.quotas[keyPath: path].circuits = circuitsPerAddress }
            if let messageRatePerAddress { configuration.quotas[keyPath: path].messagesPerSecond = Double(messageRatePerAddress) }
            if let relayRatePerAddress { configuration.quotas[keyPath: path].relayedBytesPerSecond = Double(relayRatePerAddress) }
        }
    }
}
