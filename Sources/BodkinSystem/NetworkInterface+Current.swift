package import BodkinCore

#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#elseif canImport(Darwin)
package import Darwin
#endif

extension NetworkInterface {
    /// Every address that the calling thread's network has, be its interface up or not; nil where the system does not tell.
    package static func assignedAddresses() -> Set<IPAddress>? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var addresses: Set<IPAddress> = []
        var entry = list
        while let item = entry?.pointee {
            entry = item.ifa_next
            if let address = IPAddress(item.ifa_addr) { addresses.insert(address) }
        }
        return addresses
    }

    /// The interfaces of the calling thread's network that are up, have their link, and have a usable address, in the system's order.
    package static func current() -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var order: [String] = []
        var found: [String: [Address]] = [:]
        var kinds: [String: Kind] = [:]
        let running = UInt32(IFF_UP | IFF_RUNNING)
        var entry = list
        while let item = entry?.pointee {
            entry = item.ifa_next
            guard item.ifa_flags & running == running, item.ifa_flags & UInt32(IFF_LOOPBACK) == 0, let name = item.ifa_name,
                let address = IPAddress(item.ifa_addr), address.scope != .unusable
            else { continue }
            let interface = String(cString: name)
            let length = IPAddress(item.ifa_netmask).map { $0.high.nonzeroBitCount + $0.low.nonzeroBitCount } ?? address.family.bitWidth
            if found[interface] == nil {
                order.append(interface)
                let isPointToPoint = item.ifa_flags & UInt32(IFF_POINTOPOINT) != 0
                kinds[interface] = Kind(name: interface, driver: driver(of: interface), isPointToPoint: isPointToPoint)
            }
            found[interface, default: []].append(Address(address, onLink: IPPrefix(address, length: length)))
        }
        return order.map { NetworkInterface(name: $0, addresses: found[$0] ?? [], kind: kinds[$0] ?? .adapter) }
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
