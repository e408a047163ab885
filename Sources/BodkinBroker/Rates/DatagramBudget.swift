package import BodkinCore
package import NIOCore

/// Which STUN requests over UDP are answered. Pure; time is a parameter.
///
/// The source of a datagram can be forged, so that the answer goes to somebody who has asked for nothing. An answer that takes more bytes than its request comes out of a
/// small budget of its source and of a budget in all: nobody is sent noticeably more than somebody else has sent. Requests have a rate besides.
package struct DatagramBudget: Sendable {
    /// Requests of one source: `bodkin check` sends some 40 within seconds, and a few may do so at once behind one address.
    private var requests = RateTable<Account>(rate: 50, burst: 400)
    private var allRequests: TokenBucket
    /// Bytes that answers to one source have more than its requests: enough for a hundred plain requests in a minute.
    private var excess = RateTable<Account>(rate: 64, burst: 4_096)
    private var allExcess: TokenBucket

    /// 5 000 requests a second, 50 ms of the processor, and 64 KiB/s of excess.
    package init(now: NIODeadline) {
        allRequests = TokenBucket(rate: 5_000, burst: 5_000, now: now)
        allExcess = TokenBucket(rate: 65_536, burst: 262_144, now: now)
    }

    /// Whether a request is looked at.
    package mutating func takes(from source: IPAddress, now: NIODeadline) -> Bool {
        // The one in all first: a flood of forged sources makes no buckets beyond it.
        allRequests.take(now: now) && requests.take(Account.all(of: source), now: now)
    }

    /// Whether a request of `request` bytes gets an answer of `answer` bytes.
    package mutating func answers(_ answer: Int, to request: Int, from source: IPAddress, now: NIODeadline) -> Bool {
        let more = Double(answer - request)
        return more <= 0 || (excess.take(Account.all(of: source), more, now: now) && allExcess.take(more, now: now))
    }
}
