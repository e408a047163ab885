#if os(Linux)
import BodkinCore
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// A network namespace that exists as long as this object and the processes in it: it has no name in the file system, so nothing is left behind.
final class Namespace: Sendable {
    /// An interface to make: a TUN whose other end is the lab.
    struct Interface: Sendable {
        var name: String
        var mtu: Int
        var addresses: [(address: IPAddress, prefixLength: Int)]
        /// Prefixes reached directly.
        var routes: [IPPrefix] = []
        /// Default gateways, one a family at most.
        var gateways: [IPAddress] = []
        /// Of the routes; between two interfaces the lower one decides.
        var metric: Int32 = 0
    }

    let descriptor: Descriptor
    /// The lab's ends of the interfaces, in order.
    let tunnels: [Descriptor]

    private init(_ descriptor: Descriptor, _ tunnels: [Descriptor]) {
        self.descriptor = descriptor
        self.tunnels = tunnels
    }

    /// Makes a namespace with interfaces.
    static func create(_ name: String, _ interfaces: [Interface], settings: [String: String] = [:]) async throws -> Namespace {
        try await SystemThread.run("lab-\(name)") {
            let result = bodkin_netns_create()
            if result == -EPERM { throw LabError(.notPermitted, Self.noRights, errorNumber: EPERM) }
            let descriptor = try Descriptor(checking: result, "no network namespace")
            apply(Self.settings.merging(settings) { $1 })
            try system(bodkin_interface_up("lo", 0), "the loopback interface cannot be brought up")
            return Namespace(descriptor, try interfaces.map(Self.make))
        }
    }

    /// Writes sysctls of the calling thread's namespace. A setting that this kernel does not have is left out.
    static func apply(_ settings: [String: String]) {
        for (key, value) in settings { write(value, to: key) }
    }

    /// Runs `body` on a throw-away thread inside the namespace.
    func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await SystemThread.run("lab-inside") { [self] in
            try system(bodkin_netns_enter(descriptor.raw), "the namespace cannot be entered")
            return try body()
        }
    }

    /// What every host has: no metrics from one connection to the next, no filters of its own (also not by the interface that a packet comes in
    /// by), IPv6 usable at once and silent. There is no ARP to set: a TUN device has none.
    private static let settings = [
        "net/ipv4/tcp_no_metrics_save": "1",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/default/rp_filter": "0",
        "net/ipv6/conf/default/accept_dad": "0",
        "net/ipv6/conf/default/accept_ra": "0",
        "net/ipv6/conf/default/router_solicitations": "0",
        "net/ipv6/conf/default/addr_gen_mode": "1",
    ]

    static let noRights = """
        This user may not create network namespaces. Run as root, or allow unprivileged user namespaces \
        (sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0).
        """

    private static func make(_ interface: Interface) throws -> Descriptor {
        let result = bodkin_tun_open(interface.name)
        if [-ENOENT, -EACCES, -EPERM, -ENODEV].contains(result) {
            let remedy = result == -ENOENT || result == -ENODEV ? "Load the module (modprobe tun)." : "Make it readable and writable for this user."
            throw LabError(.notPermitted, "/dev/net/tun cannot be opened (\(text(of: -result))). \(remedy)", errorNumber: -result)
        }
        let tunnel = try Descriptor(checking: result, "no TUN device")
        try system(bodkin_interface_up(interface.name, Int32(interface.mtu)), "\(interface.name) cannot be brought up")
        var count = 0
        // IPv6 asks for an MTU of 1280 (RFC 8200 section 5); the kernel refuses it below.
        let usable = { (address: IPAddress) in address.family == .v4 || interface.mtu >= 1280 }
        for (address, prefixLength) in interface.addresses where usable(address) {
            // A further IPv4 address needs a label of its own.
            let label = address.family == .v4 && count > 0 ? "\(interface.name):\(count)" : interface.name
            if address.family == .v4 { count += 1 }
            let bytes = address.bytes
            try system(bodkin_address_add(label, bytes, Int32(bytes.count), Int32(prefixLength)), "no address \(address)")
        }
        for prefix in interface.routes + interface.gateways.map({ IPPrefix($0, length: $0.family.bitWidth) }) where usable(prefix.address) {
            try route(interface, prefix, nil)
        }
        for gateway in interface.gateways where usable(gateway) {
            try route(interface, IPPrefix(IPAddress.unspecified(gateway.family), length: 0), gateway)
        }
        return tunnel
    }

    private static func route(_ interface: Interface, _ prefix: IPPrefix, _ gateway: IPAddress?) throws {
        let destination = prefix.address.bytes
        let hop = gateway?.bytes ?? []
        let result = bodkin_route_add(
            interface.name, destination, Int32(destination.count), Int32(prefix.length), hop, Int32(hop.count), interface.metric)
        guard result != -EEXIST else { return }
        try system(result, "no route to \(prefix)")
    }
}

private func write(_ value: String, to key: String) {
    let file = open("/proc/sys/\(key)", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    _ = Glibc.write(file, value, value.utf8.count)
}
#endif
