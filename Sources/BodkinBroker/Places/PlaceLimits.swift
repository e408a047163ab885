/// How many connections of each kind a server has at once.
package struct PlaceLimits: Sendable, Hashable {
    /// A kind of connection.
    package enum Kind: Int, Hashable, Sendable, CaseIterable {
        /// TLS connections of peers.
        case rendezvous
        /// TCP connections to the STUN ports.
        case stun
    }

    /// The limits of one kind.
    package struct Share: Sendable, Hashable {
        /// Connections that have authenticated themselves.
        package var authenticated: Int
        /// The same from one IPv4 address or IPv6 /56; a /48 may have four times as many, and a /32 sixteen times.
        package var authenticatedPerSource: Int
        /// Connections that have not.
        package var unauthenticated: Int
        /// The same from one IPv4 address or IPv6 /56; a /48 may have twice as many, and a /32 four times.
        package var unauthenticatedPerSource: Int

        /// Limits from their parts.
        package init(authenticated: Int, authenticatedPerSource: Int, unauthenticated: Int, unauthenticatedPerSource: Int) {
            self.authenticated = authenticated
            self.authenticatedPerSource = authenticatedPerSource
            self.unauthenticated = unauthenticated
            self.unauthenticatedPerSource = unauthenticatedPerSource
        }
    }

    /// TLS connections of peers. How many one address may have authenticated is the quota's business.
    package var rendezvous = Share(authenticated: 20_000, authenticatedPerSource: .max, unauthenticated: 2_048, unauthenticatedPerSource: 256)
    /// TCP connections to the STUN ports.
    package var stun = Share(authenticated: 40_000, authenticatedPerSource: 512, unauthenticated: 4_096, unauthenticatedPerSource: 512)
    /// Connections that have authenticated themselves, of both kinds: each takes a descriptor.
    package var authenticated = Int.max
    /// Closed connections whose descriptor the system still has.
    package var closing = 256
    /// New TLS connections of one IPv4 address or IPv6 /56, in a second and at once; a /48 may have four times as many, and a /32 sixteen times.
    package var connectRate = 14.0
    package var connectBurst = 576.0
    /// TLS handshakes in a second, and at once, in all: 0.4 ms of the processor each.
    package var handshakeRate = 1_000.0
    package var handshakeBurst = 1_000.0
    /// For how long a connection to a STUN port that has not authenticated itself is left alone where half of their places are taken: a peer authenticates it as soon as
    /// it has registered.
    package var squattingTime: Int64 = 10_000_000_000

    /// The defaults.
    package init() {}

    /// Keeps everything within `descriptors`. Some of them are for listeners, files, pages and dial-backs. Of the rest an eighth is for each kind of unauthenticated
    /// connection, half of that for everything that is closing, and what is left for connections that have authenticated themselves.
    /// - Parameter used: how many the process has before it listens.
    package mutating func fit(_ descriptors: Int, used: Int = 0) {
        let others = min(Self.otherDescriptors, max(used + Self.leastOtherDescriptors, descriptors / 4))
        let rest = max(descriptors - others, 4)
        let part = max(rest / 8, 1)
        rendezvous.unauthenticated = min(rendezvous.unauthenticated, part)
        stun.unauthenticated = min(stun.unauthenticated, part)
        closing = min(closing, max(part / 2, 1))
        authenticated = max(rest - rendezvous.unauthenticated - stun.unauthenticated - closing, 1)
    }

    /// Descriptors for event loops, listeners, files, health and metrics, and dial-backs; a quarter of all where there are few.
    private static let otherDescriptors = 256
    /// Ten listeners, and four more.
    private static let leastOtherDescriptors = 14

    package subscript(kind: Kind) -> Share {
        switch kind {
        case .rendezvous: rendezvous
        case .stun: stun
        }
    }
}
