package import BodkinCore

#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#elseif canImport(Darwin)
package import Darwin
#endif

extension NetworkInterface {
    /// An address of an interface, as the system tells it.
    struct Entry: Hashable {
        let name: String
        let flags: UInt32
        let address: IPAddress
        /// The length of the prefix on the link.
        let length: Int
    }

    /// Every address that the calling thread's network has, be its interface up or not; nil where the system does not tell.
    package static func assignedAddresses() -> Set<IPAddress>? { entries().map { Set($0.map(\.address)) } }

    /// The interfaces of the calling thread's network that are up, have their link, and have a usable address, in the system's order.
    package static func current() -> [NetworkInterface] { interfaces(of: entries() ?? []) }

    /// The interfaces of these addresses, without what is of no use.
    static func interfaces(of entries: [Entry]) -> [NetworkInterface] {
        var order: [String] = []
        var found: [String: [Address]] = [:]
        var kinds: [String: Kind] = [:]
        let running = UInt32(IFF_UP | IFF_RUNNING)
        for entry in entries where entry.flags & running == running && entry.flags & UInt32(IFF_LOOPBACK) == 0 {
            guard entry.address.scope != .unusable else { continue }
            if found[entry.name] == nil {
                order.append(entry.name)
                let isPointToPoint = entry.flags & UInt32(IFF_POINTOPOINT) != 0
                kinds[entry.name] = Kind(name: entry.name, driver: driver(of: entry.name), isPointToPoint: isPointToPoint)
            }
            found[entry.name, default: []].append(Address(entry.address, onLink: IPPrefix(entry.address, length: entry.length)))
        }
        return order.map { NetworkInterface(name: $0, addresses: found[$0] ?? [], kind: kinds[$0] ?? .adapter) }
    }

    /// What the system tells; where it may not be asked in the usual way, as a service without AF_NETLINK may not, in another one. Nil where it does not tell.
    private static func entries() -> [Entry]? { usualEntries() ?? otherEntries() }

    static func usualEntries() -> [Entry]? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var entries: [Entry] = []
        var entry = list
        while let item = entry?.pointee {
            entry = item.ifa_next
            guard let name = item.ifa_name, let address = IPAddress(item.ifa_addr) else { continue }
            let length = IPAddress(item.ifa_netmask).map { $0.high.nonzeroBitCount + $0.low.nonzeroBitCount } ?? address.family.bitWidth
            entries.append(Entry(name: String(cString: name), flags: UInt32(item.ifa_flags), address: address, length: length))
        }
        return entries
    }
}

extension IPAddress {
    /// The address in a `sockaddr`; nil for other families.
    package init?(_ pointer: UnsafePointer<sockaddr>?) {
        guard let pointer else { return nil }
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let value = pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr }
            self.init(v4: UInt32(bigEndian: value.s_addr))
        case AF_INET6:
            let value = pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee.sin6_addr }
            self.init(bytes: withUnsafeBytes(of: value) { Array($0) })
        default: return nil
        }
    }
}
