import BodkinCore
import BodkinSystem
import BodkinTransport

/// The network as a peer sees it: its addresses, links and ways out.
struct Attachments: Equatable {
    let interfaces: [NetworkInterface]
    let routes: [DefaultRoute]

    /// An attachment to these links.
    init(interfaces: [NetworkInterface], routes: [DefaultRoute]) { (self.interfaces, self.routes) = (interfaces, routes) }

    /// The present attachment of a system.
    init(of system: any HostSystem) { self.init(interfaces: system.interfaces(), routes: system.defaultRoutes()) }

    /// The host's addresses of a family.
    func addresses(_ family: IPAddress.Family) -> [IPAddress] {
        interfaces.flatMap(\.addresses).map(\.address).filter { $0.family == family }
    }

    /// The prefixes on the host's links.
    var onLink: [IPPrefix] { interfaces.flatMap(\.addresses).map(\.onLink) }

    /// The gateways: the routes' own.
    var gateways: [IPAddress] { routes.compactMap(\.gateway) }

    /// The interfaces to leave by towards the Internet: nil alone where the system's routes leave no choice.
    func waysOut(_ family: IPAddress.Family) -> [String?] {
        var names: [String] = []
        for route in routes where route.family == family && !names.contains(route.interface) { names.append(route.interface) }
        // No machine that people connect from has more than four uplinks.
        return names.count > 1 ? Array(names.prefix(4)) : [nil]
    }

    /// The interface by which a connection leaves that is bound to one, or to a local address, or to nothing.
    func wayOut(_ family: IPAddress.Family, bound interface: String?, local: IPAddress?) -> String? {
        interface ?? interfaces.first { $0.addresses.contains { $0.address == local } }?.name ?? routes.first { $0.family == family }?.interface
    }

    /// The interfaces to leave by towards an address: the one whose link it is on, or every way out.
    func interfaces(towards address: IPAddress) -> [String?] {
        let ways = waysOut(address.family)
        guard ways.count > 1, let near = interfaces.first(where: { $0.addresses.contains { $0.onLink.contains(address) } }) else { return ways }
        return [near.name]
    }
}

extension Gate {
    /// The system's network is like this now.
    func attach(_ attachments: Attachments) {
        attach(attachments.interfaces.flatMap(\.addresses).map(\.address), gateways: attachments.gateways)
    }
}
