import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials

/// Hello, registration, and what the server says about them.
extension RendezvousClient {
    /// How often in a row a card is signed anew because the server calls it expired: once sets the clock, and once more allows for the clock's stepping just then.
    private static let expiryLimit = 2
    /// How long the server may take to answer a registration. A server that all its peers come back to at once takes some ten seconds (docs/server.md).
    private static let registrationTimeout = Duration.seconds(30)

    /// Registers as soon as the answers are here that the card is to name.
    mutating func registerIfReady(at now: Instant) {
        guard case .awaitingBindings? = link?.phase else { return }
        let isReady = local.bindingCount == 0 || (local.observedCount > 0 && !local.isAnswerPending)
        // A session without a path has more of a circuit at once than of candidates a round trip later, which follow.
        if isReady || hasRegistered && demand.isMissed { register(at: now) }
    }

    /// Sends a fresh card, and the hello before the first one of a link.
    mutating func register(at now: Instant) {
        guard let link else { return }
        sequence += 1
        guard let card = signedCard(at: now) else {
            return fail(PeerError(.refused, "The key of the local peer cannot sign. Create another identity."))
        }
        let isFirst = !link.isRegistrationSent
        if isFirst { perform(.send(.hello(hello))) }
        var registration = WireRegister()
        registration.card = card
        registration.policy = configuration.policy
        registration.stunKey = Data(configuration.stunKey)
        registration.expectedBindings = UInt32(clamping: local.observedCount)
        perform(.send(.register(registration)))
        self.link?.unanswered += 1
        let renewal = now + renewalInterval
        switch link.phase {
        case .awaitingBindings: self.link?.phase = .registering(until: now + Self.registrationTimeout)
        case .registering: break
        case .registered(let since, _): self.link?.phase = .registered(since: since, renewal: renewal)
        }
        perform(.registrationSent(isFirstOnLink: isFirst))
    }

    /// A card is signed anew when half of its time is over.
    private var renewalInterval: Duration { max(configuration.cardLifetime / 2, .milliseconds(100)) }

    private var hello: WireHello {
        var hello = WireHello()
        hello.lowestVersion = 1
        hello.highestVersion = 1
        hello.token = Data(configuration.token ?? [])
        hello.instance = Data(configuration.instance.bytes)
        hello.agent = "bodkin"
        return hello
    }

    /// The present card, signed.
    func signedCard(naming candidates: [Candidate]? = nil, at now: Instant) -> WireSignedCard? {
        let card = Card(
            peer: configuration.identity.peerID, instance: configuration.instance, sequence: sequence, server: serverHash,
            expiry: clock.time(at: now) &+ UInt64(max(configuration.cardLifetime / .milliseconds(1), 0)), candidates: candidates ?? local.candidates,
            keepsEndpoint: local.keepsEndpoint)
        return try? card.signed(by: configuration.identity.privateKey)
    }

    mutating func received(_ body: WireEnvelope.OneOf_Body, at now: Instant) {
        guard isLinkUp else { return }
        link?.liveness.heard(at: now)
        switch body {
        case .welcome(let welcome): received(welcome, at: now)
        case .registered(let answer): received(answer, at: now)
        case .dialedBack(let answer): received(answer, at: now)
        case .ping(let ping): if isRegistrationSent { perform(.send(.pong(ping.answer))) }
        case .pong(let pong):
            link?.liveness.answered(pong.number, at: now)
            keepLinkIfAnswered()
        case .failure(let failure): received(failure, at: now)
        default: break
        }
    }

    /// The server answers a hello once.
    private mutating func received(_ welcome: WireWelcome, at now: Instant) {
        guard isRegistrationSent, let link, link.terms == nil else { return }
        let window = welcome.circuitWindow > 0 ? welcome.circuitWindow : WireWelcome.leastCircuitWindow
        self.link?.terms = Link.Terms(
            circuitWindow: Int(clamping: window), supportsDialBack: welcome.dialsBack, hasRelays: welcome.offersRelays)
        perform(.openCircuits(window: Int(clamping: window)))
        // The card went out with the hello, good by the peer's clock: where that is wrong, the card is good for too short, or too long.
        if clock.set(welcome.timeMs, at: now) > configuration.cardLifetime / 8 { register(at: now) }
    }

    private mutating func received(_ answer: WireRegistered, at now: Instant) {
        guard let link, link.unanswered > 0 else { return }
        let (acknowledged, renewal) = (max(link.acknowledged, min(answer.sequence, sequence)), now + renewalInterval)
        self.link?.unanswered -= 1
        self.link?.acknowledged = acknowledged
        // A peer that stays is known for longer than a card lives.
        self.link?.phase = .registered(since: link.registeredAt ?? now, renewal: renewal)
        expiryCount = 0
        hasRegistered = true
        absence = nil
        perform(.registered(isFirstOnLink: link.registeredAt == nil))
    }

    private mutating func refused(_ failure: WireFailure) {
        fail(PeerError(.refused, failure.text("The rendezvous server refuses this peer. Ask its operator.")))
    }

    /// The server is about to end a link that is not registered yet: its words are the reason.
    private mutating func note(_ failure: WireFailure, _ code: PeerError.Code, _ fallback: String) {
        if !isRegistered { link?.refusal = PeerError(code, failure.text(fallback)) }
    }

    private mutating func received(_ failure: WireFailure, at now: Instant) {
        switch failure.code {
        case .expired:
            // The peer's clock is wrong by more than a card lives: the server's counts.
            _ = clock.set(failure.timeMs, at: now)
            expiryCount += 1
            guard expiryCount <= Self.expiryLimit else {
                let message = "The rendezvous server calls every card expired. Ask its operator to check the clock."
                return fail(PeerError(.refused, message))
            }
            reopen(at: now)
        case .shutdown, .unspecified, .UNRECOGNIZED: break  // the connection's end follows
        // Room may come, and what the server objects to need not be this peer's doing: the peer connects anew, with exponential back-off.
        case .quota: note(failure, .quota, "The rendezvous server is full. Try again in a minute.")
        case .card, .protocol, .tooLarge: note(failure, .refused, "The rendezvous server refuses this peer. Ask its operator.")
        case .version, .token, .replaced: refused(failure)
        }
    }
}

extension WireFailure {
    /// The server's message, fit to be shown, or `fallback` if there is none.
    fileprivate func text(_ fallback: String) -> String { message.isEmpty ? fallback : message.printable(limit: Self.maximumTextSize) }
}

extension WireWelcome {
    /// The window of circuits where the server does not tell it.
    static let leastCircuitWindow: UInt32 = 65_536
}
