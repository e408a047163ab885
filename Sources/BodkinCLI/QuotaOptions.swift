import ArgumentParser
import BodkinProtocols
import BodkinServer

/// What the users of a server may use.
struct QuotaOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Connections of peers at once, in all; each takes about 28 KiB.", valueName: "count"))
    var connections: Int?
    @Option(help: ArgumentHelp("Connections of peers at once from one IPv4 address or IPv6 /56.", valueName: "count"))
    var connectionsPerAddress: Int?
    @Option(help: ArgumentHelp("Circuits at once that one IPv4 address or IPv6 /56 has dialled.", valueName: "count"))
    var circuitsPerAddress: Int?
    @Option(help: ArgumentHelp("Bytes per second that are relayed for one IPv4 address or IPv6 /56.", valueName: "bytes"))
    var relayRatePerAddress: Int?

    func validate() throws {
        for value in [connections, connectionsPerAddress, circuitsPerAddress, relayRatePerAddress].compactMap({ $0 }) where value < 0 {
            throw ValidationError("a quota cannot be negative: give 0 or more")
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
