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
}
#else
import BodkinCore

extension NetworkInterface {
    /// Nil: this system names no drivers.
    static func driver(of interface: String) -> String? { nil }
}
#endif
