import BodkinCore
import BodkinProtocols

/// Does the server still answer? A link that a NAT has forgotten is silent, and TCP would notice after minutes.
extension RendezvousClient {
    /// The longest silence of a link before the server is asked. With ``idleAnswerLimit`` it bounds how long a listener is away whose NAT has forgotten its
    /// connections; docs/server.md says what it costs.
    static let longestIdle = Duration.seconds(10)
    /// The shortest pause between two probes of an idle link.
    private static let shortestIdle = Duration.seconds(1)
    /// How often the link is probed while somebody waits for what the server is to bring: at first, and at last.
    private static let waitingProbePauses = (first: Duration.milliseconds(300), longest: Duration.seconds(5))

    /// After what silence an idle link is probed: earlier where the NATs on the way forget earlier.
    var idleLimit: Duration { max(Self.shortestIdle, min(Self.longestIdle, local.keepalive)) }

    /// How long the answer on an idle link may take. TCP repeats what was lost 200 ms after a round trip and again after 400 ms more (Linux's least timeout; RFC 6298
    /// section 5.5 doubles it): two losses in a row are no silence. Three round trips allow for a queue on the way that has grown since the last answer.
    var idleAnswerLimit: Duration { .milliseconds(600) + max(roundTrip, min(link?.liveness.answerTime ?? .zero, .seconds(1))) * 3 }

    /// How long it may take where a path is in doubt, or somebody waits: a link that carries nothing is replaced where TCP would have to repeat the question, since
    /// that costs no more than the repetition; once later where more hangs on it.
    var suspicionLimit: Duration {
        demand.isPrecious ? max(.milliseconds(600), roundTrip * 3 + .milliseconds(300)) : max(.milliseconds(150), roundTrip * 2 + .milliseconds(50))
    }

    /// The pause before the first probe while somebody waits.
    var firstPause: Duration { max(Self.waitingProbePauses.first, roundTrip * 3) }

    /// Asks the server whether it hears the peer. Without an answer in time the link is lost.
    mutating func probe(within limit: Duration, at now: Instant) {
        guard isRegistrationSent, let number = link?.liveness.begin(within: limit, at: now) else { return }
        var ping = WirePing()
        ping.number = number
        perform(.send(.ping(ping)))
    }

    /// Probes the link again and again, with exponential back-off, as long as somebody waits: what is sent over it is acknowledged by nothing but the answer.
    mutating func probeWhileAwaited(after pause: Duration, at now: Instant) {
        guard demand.isAwaited else { return waitingProbe = nil }
        probe(within: suspicionLimit, at: now)
        let next = min(pause * 2, Self.waitingProbePauses.longest)
        waitingProbe = (now + next, next)
    }
}
