package import BodkinCore
package import BodkinEmulation
package import BodkinPrediction

/// Two networks whose hosts are to be connected directly, and the forecast of an observer that knows both completely.
///
/// ```swift
/// print(NATPair(.preset(.cgn), .preset(.symmetricRandom)).forecast.words)
/// ```
package struct NATPair: Sendable, Hashable, CustomStringConvertible {
    /// The network of the one host.
    package let a: AccessNetwork
    /// The network of the other host.
    package let b: AccessNetwork
    /// Whether and how the two connect directly.
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

    /// Both names.
    package var description: String { "\(a) + \(b)" }

    /// The same pair with the two sides exchanged: host a, which dials, is in the network ``b``.
    package var reversed: NATPair { NATPair(b, a) }

    /// The verdict that the report of a dial must have, if the pair can only be relayed.
    package var verdict: RelayVerdict? { forecast.feasibility == .impossible(.unpredictable) ? .unpredictable : nil }
}
