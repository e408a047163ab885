import BodkinCore
import BodkinProtocols

extension RendezvousClient {
    /// The state of one link, which cannot outlive it.
    struct Link {
        enum Phase {
            /// The answers of NAT bindings are still to come; the card names what they say.
            case awaitingBindings(until: Instant)
            /// The registration is out.
            case registering(until: Instant)
            case registered(since: Instant, renewal: Instant)
        }

        /// The terms of the server's Welcome.
        struct Terms {
            /// The number of bytes that a circuit carries in either direction before its reader gives credit.
            var circuitWindow: Int
            /// Whether the server answers a DialBack.
            var supportsDialBack: Bool
            /// Whether the server knows TURN relays.
            var hasRelays: Bool
        }

        /// A DialBack that is under way: how often it may be repeated.
        enum DialBack {
            case asked(repetitions: Int, until: Instant)
            case pausing(repetitions: Int, until: Instant)

            var end: Instant {
                switch self {
                case .asked(_, let end), .pausing(_, let end): end
                }
            }
        }

        /// When connecting began.
        let start: Instant
        /// Why the server is about to end the link, by its own words.
        var refusal: (any Error)?
        /// SHA-256 of the key by which the server has proved itself.
        let serverKeyHash: [UInt8]?
        var phase: Phase
        var terms: Terms?
        var liveness: ServerLiveness
        var dialBack: DialBack?
        /// The number of the latest card that the server has taken.
        var acknowledged: UInt64 = 0
        /// Since when another link is made beside this one, which is silent; nil where none is.
        var replacedSince: Instant?
        /// How many registrations have no answer yet.
        var unanswered = 0

        /// Whether the hello is out, with a registration behind it.
        var isRegistrationSent: Bool { if case .awaitingBindings = phase { false } else { true } }
        /// Since when the server knows the peer by this link.
        var registeredAt: Instant? { if case .registered(let since, _) = phase { since } else { nil } }
    }

    /// The present link; nil while there is none.
    var link: Link? {
        get { if case .linked(let link) = state { link } else { nil } }
        set { if case .linked = state, let newValue { state = .linked(newValue) } }
    }

    /// Whether the server has proved itself, by the present link.
    var isLinkUp: Bool { link != nil }
    /// Whether a registration is out over the present link.
    var isRegistrationSent: Bool { link?.isRegistrationSent ?? false }
    /// Whether the server has taken a card over the present link.
    var isRegistered: Bool { link?.registeredAt != nil }
    /// The window of circuits on the present link; nil before the Welcome.
    var circuitWindow: Int? { link?.terms?.circuitWindow }
    /// The name of the server in cards: the hash in the URL, or the hash of the key that a public authority vouched for.
    var serverHash: [UInt8] { configuration.keyHash ?? link?.serverKeyHash ?? [] }

    func linkDeadline(_ link: Link) -> Instant? {
        let phase: Instant =
            switch link.phase {
            case .awaitingBindings(let end), .registering(let end): end
            case .registered(_, let renewal): renewal
            }
        guard link.isRegistrationSent else { return phase }
        let silence = link.replacedSince == nil ? link.liveness.deadline(idleLimit) : nil
        let times = [silence, waitingProbe?.due, link.dialBack?.end, nextResolution].compactMap { $0 }
        return times.reduce(phase, min)
    }

    mutating func expireLink(jitter: Double, at now: Instant) {
        if link?.liveness.isSilent(at: now) == true, link?.replacedSince == nil {
            guard isRegistered else { return dropLink(Self.silence, jitter: jitter, at: now) }
            replaceLink(at: now)
        }
        switch link?.phase {
        case .awaitingBindings(let end)? where end <= now: register(at: now)
        case .registering(let end)? where end <= now:
            return dropLink("The rendezvous server does not answer the registration. Ask its operator.", jitter: jitter, at: now)
        case .registered(_, let renewal)? where renewal <= now: register(at: now)
        default: break
        }
        if let nextResolution, nextResolution <= now { resolve(at: now) }
        if let dialBack = link?.dialBack, dialBack.end <= now { expireDialBack(dialBack, at: now) }
        if let waitingProbe, waitingProbe.due <= now { probeWhileAwaited(after: waitingProbe.pause, at: now) }
        if let due = link?.liveness.idleEnd(idleLimit), due <= now { probe(within: idleAnswerLimit, at: now) }
    }
}
