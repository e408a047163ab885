import BodkinCore
package import BodkinEmulation
package import BodkinPairs
import BodkinPrediction

extension NATPair {
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

    /// Its network: direct wherever the forecast is not that it is impossible.
    package var cell: PeerCell {
        var route = Route.direct
        if case .impossible = forecast.feasibility { route = .circuit }
        let (a, b) = (a, b)
        return PeerCell(description, route, verdict: verdict) { Topology.pair(a, b, link: $0, seed: $1) }
    }
}
