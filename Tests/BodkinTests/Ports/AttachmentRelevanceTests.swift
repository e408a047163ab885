import BodkinCore
import BodkinSystem
import Testing

@testable import Bodkin

/// Which of a machine's interfaces concern a peer.
@Suite("attachments that concern a peer")
struct AttachmentRelevanceTests {
    static func interface(_ name: String, _ kind: NetworkInterface.Kind, _ prefixes: String...) -> NetworkInterface {
        let addresses = prefixes.compactMap { text -> NetworkInterface.Address? in
            guard let address = IPAddress(String(text.prefix { $0 != "/" })), let onLink = IPPrefix(text) else { return nil }
            return NetworkInterface.Address(address, onLink: onLink)
        }
        return NetworkInterface(name: name, addresses: addresses, kind: kind)
    }

    static func route(_ interface: String, _ family: IPAddress.Family = .v4, metric: UInt32 = 0) -> DefaultRoute {
        DefaultRoute(interface: interface, gateway: IPAddress(family == .v4 ? "192.168.1.1" : "fe80::1"), family: family, metric: metric)
    }

    static let ethernet = interface("eth0", .adapter, "192.168.1.2/24", "2001:db8:1::2/64")
    static let plain = Attachments(interfaces: [ethernet], routes: [route("eth0")])

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var interfaces = [ethernet]
        var routes = [route("eth0")]
        var used: Set<String> = []
        var hasMoved = false
        var told = ["192.168.1.2", "2001:db8:1::2"]
        var includesTunnels = false
        var addresses: Set<IPAddress> { Set(used.compactMap { IPAddress($0) }) }
    }

    static let changes = [
        Case(testDescription: "nothing"),
        Case(testDescription: "a bridge with an address", interfaces: [interface("docker0", .container, "172.17.0.1/16"), ethernet]),
        Case(testDescription: "a tunnel without a default route", interfaces: [ethernet, interface("wg0", .tunnel, "10.8.0.2/24")]),
        Case(
            testDescription: "a tunnel without a default route, where private addresses are of use beyond one's own network",
            interfaces: [interface("wg0", .tunnel, "10.8.0.2/24"), ethernet], told: ["192.168.1.2", "2001:db8:1::2", "10.8.0.2"],
            includesTunnels: true),
        Case(
            testDescription: "a tunnel that takes the default route", interfaces: [ethernet, interface("tun0", .tunnel, "10.8.0.2/24")],
            routes: [route("tun0"), route("eth0", metric: 100)], hasMoved: true, told: ["10.8.0.2", "192.168.1.2", "2001:db8:1::2"]),
        Case(
            testDescription: "an adapter of another network",
            interfaces: [interface("eth1", .adapter, "10.0.0.2/24"), ethernet], told: ["192.168.1.2", "2001:db8:1::2", "10.0.0.2"]),
        Case(
            testDescription: "a bridge with the default route, as that of a machine that runs virtual ones",
            interfaces: [interface("br0", .container, "192.168.1.2/24")], routes: [route("br0")], hasMoved: true, told: ["192.168.1.2"]),
        Case(
            testDescription: "another gateway",
            routes: [DefaultRoute(interface: "eth0", gateway: IPAddress("192.168.1.254"), family: .v4, metric: 0)], hasMoved: true),
        Case(testDescription: "no route", routes: [], hasMoved: true),
        Case(
            testDescription: "another address", interfaces: [interface("eth0", .adapter, "192.168.1.3/24")], hasMoved: true, told: ["192.168.1.3"]),
        Case(
            testDescription: "a bridge by which a connection leaves", interfaces: [ethernet, interface("docker0", .container, "172.17.0.1/16")],
            used: ["172.17.0.1"], hasMoved: true, told: ["192.168.1.2", "2001:db8:1::2", "172.17.0.1"]),
        Case(
            testDescription: "a dozen addresses on one adapter",
            interfaces: [
                interface(
                    "eth0", .adapter, "2001:db8:1::2/64", "2001:db8:1::3/64", "2001:db8:1::4/64", "2001:db8:1::5/64", "2001:db8:1::6/64",
                    "2001:db8:1::7/64", "2001:db8:1::8/64", "192.168.1.2/24"),
                interface("eth1", .adapter, "10.0.0.2/24"),
            ], hasMoved: true,
            told: [
                "192.168.1.2", "2001:db8:1::2", "10.0.0.2", "2001:db8:1::3", "2001:db8:1::4", "2001:db8:1::5", "2001:db8:1::6", "2001:db8:1::7",
            ]),
    ]

    @Test("a change concerns the peer where its own ways out are others; remote peers are told what may lead to it", arguments: changes)
    func change(_ change: Case) {
        let present = Attachments(interfaces: change.interfaces, routes: change.routes)
        let hasMoved = present.uplinks(using: change.addresses) != Self.plain.uplinks(using: change.addresses)
        #expect(hasMoved == change.hasMoved)
        #expect(present.told(using: change.addresses, includingTunnels: change.includesTunnels).map(\.description) == change.told)
    }

    @Test("a system that tells no routes may leave by any adapter")
    func withoutRoutes() {
        let before = Attachments(interfaces: [Self.ethernet], routes: [])
        let after = Attachments(interfaces: [Self.ethernet, Self.interface("en1", .adapter, "10.0.0.2/24")], routes: [])
        #expect(before.uplinks(using: []) != after.uplinks(using: []))
    }

    @Test("a peer that listens in one family tells of that alone")
    func families() {
        #expect(Self.plain.told(using: [], of: [.v4]).map(\.description) == ["192.168.1.2"])
        #expect(Self.plain.told(using: [], of: []).isEmpty)
    }

    static let devices: [(String, String?, Bool, NetworkInterface.Kind)] = [
        ("eth0", "e1000e", false, .adapter), ("wlan0", nil, false, .adapter), ("eth0.7", "802.1Q VLAN Support", false, .adapter),
        ("docker0", "bridge", false, .container), ("veth12", "veth", false, .container), ("tun0", "tun", true, .tunnel),
        ("tap0", "tun", false, .tunnel),
        ("wg0", nil, true, .tunnel), ("ppp0", nil, true, .tunnel), ("bridge100", nil, false, .container), ("en0", nil, false, .adapter),
    ]

    @Test("a device's kind follows from its driver, its flags and, where there is no driver, its name", arguments: devices)
    func kind(_ name: String, _ driver: String?, _ isPointToPoint: Bool, _ kind: NetworkInterface.Kind) {
        #expect(NetworkInterface.Kind(name: name, driver: driver, isPointToPoint: isPointToPoint) == kind)
    }
}
