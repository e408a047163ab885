import BodkinCore
import BodkinSystem

/// The address that this machine is best reached by.
enum OwnAddress {
    /// A public one before a private one, on the interface of the default route before others, IPv4 before IPv6; nil where there is none.
    static func best(
        interfaces: [NetworkInterface] = NetworkInterface.current(), routes: [DefaultRoute] = DefaultRoute.current()
    ) -> IPAddress? {
        let ways = routes.map(\.interface)
        let candidates = interfaces.flatMap { interface in interface.addresses.map { (interface.name, $0.address) } }
        return candidates.min { rank($0, ways) < rank($1, ways) }?.1
    }

    private static func rank(_ candidate: (String, IPAddress), _ ways: [String]) -> Int {
        let (name, address) = candidate
        return (address.scope == .public ? 0 : 4) + (ways.contains(name) ? 0 : 2) + (address.family == .v4 ? 0 : 1)
    }
}
