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

    func validate() throws {
        for value in [connections, connectionsPerAddress, circuitsPerAddress, relayRatePerAddress].compactMap({ $0 }) where value < 0 {
            throw ValidationError("A quota is negative. Give 0 or more.")
        }
    }

    func apply(to configuration: inout RendezvousServer.Configuration) {
        if let connections { configuration.limits.connections = connections }
        for path in [\Quotas.address, \Quotas.prefix] {
            if let connectionsPerAddress {
                configuration.quotas[keyPath: path].connections = connectionsPerAddress
                configuration.quotas[keyPath: path].registrations = connectionsPerAddress
            }
            if let circuitsPerAddress { configuration.quotas[keyPath: path].circuits = circuitsPerAddress }
            if let relayRatePerAddress { configuration.quotas[keyPath: path].relayedBytesPerSecond = Double(relayRatePerAddress) }
        }
    }
}
