package import BodkinCore
package import BodkinEmulation
package import BodkinPrediction

/// Two networks that are to be connected directly, and what arithmetic says of that where both are known completely.
///
/// ```swift
/// for pair in NATPair.presets { print(pair, pair.forecast.words) }
/// ```
package struct NATPair: Sendable, Hashable, CustomStringConvertible {
    /// What the one host stands behind.
    package let a: AccessNetwork
    /// What the other one stands behind.
    package let b: AccessNetwork
    /// What becomes of them, as the perfect observer of both sees it.
    package let forecast: TraversalEstimate

    /// A pair, judged with the default policy.
    package init(_ a: AccessNetwork, _ b: AccessNetwork) {
        self.a = a
        self.b = b
        forecast = TraversalEstimate(of: Self.profile(a, 1), and: Self.profile(b, 2))
    }

    /// Each side has an external address of its own (RFC 5737).
    private static func profile(_ network: AccessNetwork, _ side: UInt32) -> NATProfile {
        NATProfile(told: network.layers, address: IPAddress(v4: 0xCB00_7100 + side))
    }

    /// The presets whose external ports a server does not see beforehand.
    package static let symmetric: [NATPreset] = [
        .symmetricSequential, .symmetricNoisy, .symmetricDependent, .symmetricRandom, .symmetricBlock, .cgnBlock,
    ]

    /// Every unordered pair of ``symmetric`` with itself, with each other, and with every preset of tier 1.
    package static let presets: [NATPair] = {
        let (tierOne, symmetric) = (PeerCell.tierOne.map(AccessNetwork.preset), Self.symmetric.map(AccessNetwork.preset))
        return symmetric.indices.flatMap { first in (tierOne + symmetric[first...]).map { NATPair(symmetric[first], $0) } }
    }()

    /// Every unordered pair of p2pd's configurations, each network once.
    package static let configurations: [NATPair] = {
        let networks = NATConfiguration.distinct.map(AccessNetwork.configuration)
        return networks.indices.flatMap { first in networks[first...].map { NATPair(networks[first], $0) } }
    }()

    /// Both names.
    package var description: String { "\(a) + \(b)" }

    /// The same pair with the two sides exchanged: host a, which dials, stands behind what is ``b`` here.
    package var reversed: NATPair { NATPair(b, a) }

    /// Why it is relayed, where arithmetic says so: what a dial's report must say then.
    package var verdict: RelayVerdict? { forecast.feasibility == .impossible(.unpredictable) ? .unpredictable : nil }

    /// Its network: direct wherever the forecast is not that it is impossible.
    package var cell: PeerCell {
        var route = Route.direct
        if case .impossible = forecast.feasibility { route = .circuit }
        let (a, b) = (a, b)
        return PeerCell(description, route, verdict: verdict) { Topology.pair(a, b, link: $0, seed: $1) }
    }
}
