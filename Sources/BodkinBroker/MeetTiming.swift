package import NIOCore

/// When the two sides of a Meet fire, from the round trips that the server measures to each.
package struct MeetTiming: Hashable, Sendable {
    /// How long the dialer waits after it has the Meet.
    package let dialer: TimeAmount
    /// How long the called side waits.
    package let called: TimeAmount
    /// The pause between two bursts, the same for both.
    package let interval: TimeAmount

    /// The Meet leaves for both at the same moment and arrives after half a round trip: the peer that has it first waits for the other.
    ///
    /// The path between the two is unknown, but is seldom longer than the one through the server, which takes half of both round trips: an
    /// answer to a burst, or its refusal, is there after twice that. 200 ms keeps short paths from being flooded. Four times that allows for a retransmission,
    /// as far as 2 s; beyond, a burst waits for one answer, or 5 s: a SYN that a fresh one replaces before its answer can be there is of no use.
    package init(dialer: TimeAmount, called: TimeAmount) {
        let first = Self.oneWay(dialer)
        let second = Self.oneWay(called)
        let longest = max(first, second)
        self.dialer = longest - first
        self.called = longest - second
        let through = first.nanoseconds + second.nanoseconds
        interval = max(
            min(max(.milliseconds(200), .nanoseconds(4 * through)), .seconds(2)), min(.nanoseconds(2 * through), .seconds(5)))
    }

    /// Half a round trip. A measurement beyond 8 s, that of a satellite behind full queues, is none.
    private static func oneWay(_ roundTrip: TimeAmount) -> TimeAmount { .nanoseconds(min(max(roundTrip.nanoseconds, 0), 8_000_000_000) / 2) }
}

extension TimeAmount {
    /// Whole microseconds, for the wire.
    package var wireMicroseconds: UInt64 { UInt64(max(nanoseconds, 0) / 1000) }
}
