import BodkinCore
import BodkinProtocols
package import NIOCore

/// Something that the broker does later, unless it has become moot by then.
struct BrokerTimer: Comparable {
    enum Purpose: Hashable {
        /// The time for the dialer's STUN connections is over.
        case bindings(AttemptID)
        /// The called side has had its time to answer.
        case answer(AttemptID)
        /// The dialer has waited long enough.
        case patience(AttemptID)
        /// An attempt without a circuit ends.
        case expiry(AttemptID)
        /// Held credit is given.
        case credit(AttemptID, Attempt.Side)
        /// More of those who wait for a peer are met.
        case dueMeets(PeerID)
        /// A parked STUN request has waited long enough.
        case parked(BindingID)
        /// Accounts without connections are forgotten.
        case sweep
    }

    let deadline: NIODeadline
    let purpose: Purpose

    static func < (left: Self, right: Self) -> Bool { left.deadline < right.deadline }
}

/// The broker's bounds and times.
package struct BrokerLimits: Sendable, Hashable {
    /// What a circuit may carry in either direction before credit is given.
    package var circuitWindow = 262_144
    /// Up to how much that grows where a long way needs it: 320 Mbit/s at a round trip of 400 ms.
    package var largestCircuitWindow = 16_777_216
    /// Attempts at once: 500 dials a second for 60 s, three times.
    package var attempts = 100_000
    /// How long an attempt lives without a circuit that both sides use: a handshake over one has ten seconds.
    package var attemptLifetime = TimeAmount.seconds(60)
    /// The longest timeout of a dial.
    package var patience = TimeAmount.minutes(5)
    /// Dials that wait for their peer, in all: with 36 KiB each at most, 150 MB.
    package var pendingDials = 4_096
    /// Dials that wait for one peer: their Meets leave at once, with less than 7 KiB each, and a connection takes 4 MiB.
    package var pendingDialsPerPeer = 512
    /// What a circuit may carry before the called side answers: the first flight of TLS rides in the Dial, and nothing follows it.
    package var aheadBytes = 32_768
    /// Meets of one attempt: a peer whose link breaks is away for a few times at most.
    package var meetsPerAttempt = 16
    /// How long a STUN request waits for its registration.
    package var parkedLifetime = TimeAmount.seconds(10)
    /// STUN requests that wait, in all and from one address.
    package var parked = 4_096
    /// STUN requests that wait, from one address, and with one user name, whose registration judges each.
    package var parkedPerSource = 32
    package var parkedPerName = 16
    /// Meets at once for those who wait for one peer, and the time between such groups: a peer with a slow link has them before they are due.
    package var meetsAtOnce = 64
    package var meetsInterval = TimeAmount.milliseconds(100)
    /// What the messages of one connection may cost in a second, in units of a ping: a fifth of a processor at the most for a moment, a twentieth in the long run.
    package var messagesPerSecond = 10_000.0
    /// What all connections together have the server keep, in bytes, beyond what every connection takes.
    package var bufferedBytes = 536_870_912
    /// Dials a second from one IPv4 address or IPv6 /56 to one peer.
    package var dialsToOnePeerPerSecond = 8.0
    /// Instances of one peer.
    package var instancesPerPeer = 32

    /// The defaults.
    package init() {}
}
