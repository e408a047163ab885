import BodkinCore
import BodkinProtocols

/// Having the server connect to the reserved port, to learn what is let in.
extension RendezvousClient {
    /// How long the server's answer may take: the server itself waits 2.2 s for a SYN and its repetition.
    private static let dialBackTimeout = Duration.seconds(5)
    /// How often the server is asked again where it knows no NAT binding yet.
    private static let dialBackRepetitions = 5

    mutating func requestDialBack(at now: Instant) {
        guard isRegistered, link?.terms?.supportsDialBack == true else { return perform(.dialedBack(nil)) }
        // A second caller gets the answer of the first one.
        guard link?.dialBack == nil else { return }
        sendDialBack(Self.dialBackRepetitions, at: now)
    }

    private mutating func sendDialBack(_ repetitions: Int, at now: Instant) {
        link?.dialBack = .asked(repetitions: repetitions, until: now + Self.dialBackTimeout)
        perform(.send(.dialBack(WireDialBack())))
    }

    mutating func received(_ answer: WireDialedBack, at now: Instant) {
        guard case .asked(let repetitions, _)? = link?.dialBack else { return }
        guard answer.results.isEmpty, !answer.quota, repetitions > 0 else {
            var kept = answer
            kept.results = Array(answer.results.prefix(MessageBound.dialBackResultCount))
            return endDialBack(kept)
        }
        // The proof is still on its way.
        let end = now + max(.milliseconds(100), roundTrip)
        link?.dialBack = .pausing(repetitions: repetitions - 1, until: end)
    }

    mutating func expireDialBack(_ dialBack: Link.DialBack, at now: Instant) {
        switch dialBack {
        case .asked: endDialBack(nil)
        case .pausing(let repetitions, _): sendDialBack(repetitions, at: now)
        }
    }

    /// Answers those who wait for it, where anybody does.
    mutating func endDialBack(_ answer: WireDialedBack?) {
        guard link?.dialBack != nil else { return }
        link?.dialBack = nil
        perform(.dialedBack(answer))
    }
}
