package import BodkinCore
package import BodkinEmulation

/// A pair of peers in a network, and how they must end up connected: a row of the matrix.
///
/// ```swift
/// for cell in PeerCell.pairs { print(cell.name, cell.route) }
/// ```
package struct PeerCell: Sendable, CustomStringConvertible {
    /// Its name, such as `cgn + masquerade`.
    package let name: String
    /// How the two are connected in the end.
    package let route: Route
    /// Why they are relayed, where the reason is certain: then not one SYN is sent besides the Meet's. Nil where a direct path is to be had.
    package let verdict: RelayVerdict?
    /// Which addresses of the server are in its URL.
    package let serverFamilies: [IPAddress.Family]
    /// Builds its network for a seed; every link between the core and the rest takes half of what is given.
    package let topology: @Sendable (_ link: LinkParameters, _ seed: UInt64) -> Topology

    /// The name.
    package var description: String { name }

    init(
        _ name: String, _ route: Route, verdict: RelayVerdict? = nil, families: [IPAddress.Family] = [.v4],
        topology: @escaping @Sendable (_ link: LinkParameters, _ seed: UInt64) -> Topology
    ) {
        self.name = name
        self.route = route
        self.verdict = verdict
        serverFamilies = families
        self.topology = topology
    }

    /// Whether a dial came out as it must: by the route, and where it is certain that only a circuit is left, for that reason and without a round of searching.
    package func isMet(by report: ConnectionReport) -> Bool {
        report.route == route && (verdict == nil || report.verdict == verdict && report.rounds == 0)
    }

    static func pair(
        _ a: NATPreset, _ b: NATPreset, _ route: Route, verdict: RelayVerdict? = nil, implementation: Topology.Implementation = .emulated
    ) -> PeerCell {
        PeerCell("\(a.rawValue) + \(b.rawValue)\(implementation == .kernel ? " (kernel)" : "")", route, verdict: verdict) { link, seed in
            Topology.pair(a, b, link: link, implementation: implementation, seed: seed)
        }
    }
}
