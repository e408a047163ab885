import BodkinCore
import Testing

@testable import BodkinSystem

#if os(Linux)
@Suite("The addresses of this host")
struct InterfaceEntryTests {
    /// What counts of an entry.
    private static func facts(_ entries: [NetworkInterface.Entry]?) -> Set<String> {
        Set((entries ?? []).map { "\($0.name) \($0.address)/\($0.length) \($0.flags & 0x49)" })
    }

    @Test("are the same whether netlink tells them, or ioctl and /proc, as where AF_NETLINK is forbidden")
    func same() throws {
        // Another program may change the network between the two looks.
        let pairs = (0..<5).lazy.map { _ in (Self.facts(NetworkInterface.usualEntries()), Self.facts(NetworkInterface.otherEntries())) }
        let pair = try #require(pairs.first { $0 == $1 } ?? pairs.first)
        #expect(pair.0 == pair.1 && pair.1.contains { $0.hasPrefix("lo 127.0.0.1/8") })
        #expect(NetworkInterface.interfaces(of: NetworkInterface.otherEntries() ?? []).allSatisfy { !$0.addresses.isEmpty && $0.name != "lo" })
    }
}
#endif
