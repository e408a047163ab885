#if os(Linux)
import BodkinCore
import CBodkinSystem

extension NetworkInterface {
    /// The name of an interface's driver; nil where the kernel does not tell.
    static func driver(of interface: String) -> String? {
        // ETHTOOL_BUSINFO_LEN of linux/ethtool.h.
        var driver = [CChar](repeating: 0, count: 32)
        guard bodkin_interface_driver(interface, &driver, driver.count) == 0 else { return nil }
        return String(decoding: driver.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The addresses of the interfaces, without netlink.
    static func otherEntries() -> [Entry]? {
        var list = [bodkin_address](repeating: bodkin_address(), count: 256)
        let count = Int(bodkin_interface_addresses(&list, CInt(list.count)))
        guard count >= 0 else { return nil }
        return list.prefix(count).compactMap { entry in
            let bytes = withUnsafeBytes(of: entry.bytes) { Array($0.prefix(entry.family == 4 ? 4 : 16)) }
            let name = withUnsafeBytes(of: entry.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            return IPAddress(bytes: bytes).map { Entry(name: name, flags: entry.flags, address: $0, length: Int(entry.length)) }
        }
    }
}
#else
import BodkinCore

extension NetworkInterface {
    /// Nil: this system names no drivers.
    static func driver(of interface: String) -> String? { nil }

    /// Nil: there is one way to ask this system.
    static func otherEntries() -> [Entry]? { nil }
}
#endif
