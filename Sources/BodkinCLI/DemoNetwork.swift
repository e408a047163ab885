#if canImport(BodkinNATLab)
import BodkinNATLab

/// The drawing of who is where at the beginning of a demo.
///
/// ```
///   a 192.168.11.12 ─[ port-restricted ]─ 203.0.113.11 ─┐
///                                                       ├─ server 198.51.100.1
///   b 192.168.13.12 ─[ cgn ]───────────── 203.0.113.13 ─┘
/// ```
enum DemoNetwork {
    static func drawing(_ topology: Topology, a: String, b: String) -> [String] {
        func side(_ name: String, _ nat: String) -> (String, String) {
            let host = topology.host(name)
            let outside = topology.outsideAddress(of: name).map { " \($0) " } ?? " "
            return ("  \(name) \(host.map { "\($0.addresses[0])" } ?? "") ─[ \(nat) ]─", outside)
        }
        let (first, second) = (side("a", a), side("b", b))
        let left = max(first.0.count, second.0.count)
        let right = max(first.1.count, second.1.count)
        func line(_ side: (String, String), _ corner: String) -> String {
            side.0 + String(repeating: "─", count: left - side.0.count) + side.1 + String(repeating: "─", count: right - side.1.count + 1) + corner
        }
        let server = topology.host("server").map { "\($0.addresses[0])" } ?? ""
        return [line(first, "┐"), "".padded(left + right + 1) + "├─ server \(server)", line(second, "┘")]
    }
}
#endif
