#if os(Linux)
package import BodkinCore
import Glibc

extension DefaultRoute {
    /// The default routes of the calling thread's network, the preferred one of each family first.
    package static func current() -> [DefaultRoute] {
        (v4(read("/proc/thread-self/net/route")) + v6(read("/proc/thread-self/net/ipv6_route"))).sorted { $0.metric < $1.metric }
    }

    /// Parses the kernel's IPv4 table: name, destination and gateway as little-endian hexadecimal words, flags, two counts, metric, mask.
    static func v4(_ table: String) -> [DefaultRoute] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 8, fields[1] == "00000000", fields[7] == "00000000", let gateway = UInt32(fields[2], radix: 16),
                let flags = UInt32(fields[3], radix: 16), flags & up != 0, let metric = UInt32(fields[6])
            else { return nil }
            let address = gateway == 0 ? nil : IPAddress(v4: gateway.byteSwapped)
            return DefaultRoute(interface: String(fields[0]), gateway: address, family: .v4, metric: metric)
        }
    }

    /// Parses the kernel's IPv6 table: destination and its length, source and its length, gateway, metric, two counts, flags, name.
    static func v6(_ table: String) -> [DefaultRoute] {
        table.split(separator: "\n").compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 10, fields[0].allSatisfy({ $0 == "0" }), fields[1] == "00", fields[9] != "lo",
                let high = UInt64(fields[4].prefix(16), radix: 16), let low = UInt64(fields[4].dropFirst(16), radix: 16),
                let metric = UInt32(fields[5], radix: 16), let flags = UInt32(fields[8], radix: 16), flags & up != 0
            else { return nil }
            let address = high | low == 0 ? nil : IPAddress(v6High: high, low: low)
            return DefaultRoute(interface: String(fields[9]), gateway: address, family: .v6, metric: metric)
        }
    }

    /// RTF_UP of linux/route.h.
    private static let up: UInt32 = 1

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        // A host with more routes than fit in a megabyte is a router of the Internet, and its first megabyte will do.
        while bytes.count < 1 << 20 {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
#else
package import BodkinCore

extension DefaultRoute {
    /// Not read on this system yet: every interface is taken for one with a way out, and no address for a gateway's.
    package static func current() -> [DefaultRoute] { [] }
}
#endif
