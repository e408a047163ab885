#if os(Linux)
import BodkinCore
import BodkinEmulation
import Glibc

extension KernelNAT {
    /// Loads the rules in the router's namespace.
    static func configure(_ box: Topology.Box, in namespace: Namespace) async throws {
        let script = "exec nft -f - <<'EOF'\n\(rules(for: box))\nEOF\n"
        let process = try LabProcess(
            ["/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; \(script)"], environment: ProcessEnvironment.current, in: namespace, directory: nil,
            output: .captured)
        let result = await process.wait()
        if result.status == 127 { throw LabError(.notPermitted, "The kernel variant needs the program nft. Install it (apt-get install nftables).") }
        guard result.status == 0 else {
            throw LabError(.system, "nft refused the rules of \(box.name). Use a kernel with nf_tables. nft wrote: \(result.error.prefix(300))")
        }
        try await namespace.run { Namespace.apply(conntrackSettings(for: box)) }
    }
}

extension Topology.Box {
    /// The inside and the outside interface of a router in the kernel.
    func interfaces(in topology: Topology) -> [Namespace.Interface] {
        let inside = topology.interfaces.filter { topology.boxes(above: $0.name).contains(self) }
        let translated = parameters.translates
        let routes = inside.flatMap { interface in
            (translated ? [] : interface.addresses.map { IPPrefix($0, length: 32) }) + interface.addresses6.map { IPPrefix($0, length: 128) }
        }
        return [
            Namespace.Interface(
                name: "lan0", mtu: 1500, addresses: [(gateways[0], translated ? self.inside.length : 32), (gateways[1], 128)], routes: routes),
            Namespace.Interface(
                name: "wan0", mtu: up.mtu, addresses: translated ? [(external, 32), (external6, 128)] : [(external6, 128)],
                routes: [IPPrefix(IPAddress.unspecified(.v4), length: 0), IPPrefix(IPAddress.unspecified(.v6), length: 0)]),
        ]
    }
}
#endif
