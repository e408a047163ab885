import BodkinCore
import BodkinProtocols
import BodkinTransport

@testable import Bodkin

/// A dial in virtual time, with a driver that does what is asked for at once, and writes it down.
final class DialBench {
    static let remote = PeerID(publicKey: [UInt8](repeating: 1, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
    static let local = PeerID(publicKey: [UInt8](repeating: 2, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
    static let outside = IPAddress(v4: 0xCB00_710B)
    static let endpoint = Endpoint(outside, 4000)

    var dial: Dial
    var context = Dial.Context()
    var now = Instant.start
    /// What was done, in short.
    var done: [String] = []
    /// The endpoints that the strategies were told of.
    var targets: [Endpoint] = []
    var events: [PeerEvent.Kind] = []
    /// Whether a session that begins is tentative.
    var begins = Dial.Session()

    static func instance(_ byte: UInt8 = 1) -> InstanceID {
        InstanceID(bytes: [UInt8](repeating: byte, count: 16)) ?? { preconditionFailure("16 bytes are an instance") }()
    }

    /// A dial of this peer's that has begun, at a server that knows the peer.
    init(
        _ purpose: Dial.Purpose = .open, timeout: Duration = .seconds(30), usesCircuits: Bool = true, usesDirectPaths: Bool = true,
        isRegistered: Bool = true, begins: Bool = true
    ) {
        var instance: InstanceID?
        if case .resume = purpose {
            instance = Self.instance()
            context.session = Dial.Session()
        }
        dial = Dial(
            .random(), to: Self.remote, for: purpose, instance: instance,
            Dial.Configuration(localPeer: Self.local, timeout: timeout, usesDirectPaths: usesDirectPaths, usesCircuits: usesCircuits), at: .start)
        prepare(isRegistered: isRegistered)
        if begins { feed(.begin(isFirst: true)) }
    }

    /// A dial of the remote peer's.
    init(calledWithin timeout: Duration) {
        dial = Dial(.random(), calledBy: Self.remote, Dial.Configuration(localPeer: Self.local, timeout: timeout), at: .start)
        prepare(isRegistered: true)
    }

    private func prepare(isRegistered: Bool) {
        context.isRegistrationSent = isRegistered
        context.serverRoundTrip = .milliseconds(50)
        context.network = {
            Dial.LocalNetwork(
                ownObserved: [Endpoint(IPAddress(v4: 0xCB00_710C), 4000)], ownAddresses: [IPAddress(v4: 0x0A00_0002)], ownPort: 4000,
                families: [.v4])
        }
    }

    func feed(_ input: Dial.Input) {
        dial.handle(input, in: context, at: now)
        while let action = dial.nextAction() { perform(action) }
    }

    /// Lets time pass, until an instant.
    func run(until end: Duration) {
        while let deadline = dial.deadline, deadline.sinceStart <= end {
            now = max(now, deadline)
            feed(.timeout)
        }
        now = Instant(sinceStart: end)
    }

    static func card(_ endpoints: [Endpoint] = [endpoint], instance: UInt8 = 1, keepsEndpoint: Bool = false) -> Card {
        Card(
            peer: remote, instance: Self.instance(instance), sequence: 1, server: [UInt8](repeating: 0, count: 32), expiry: .max,
            candidates: endpoints.map { Candidate(.serverReflexive, $0) }, keepsEndpoint: keepsEndpoint)
    }

    /// The server has both sides meet.
    func meet(
        instance: UInt8 = 1, isDirect: Bool = true, observed: [Endpoint] = [endpoint], card: Result<Card, Card.Refusal>? = nil
    ) {
        feed(
            .met(
                Dial.Meet(
                    instance: Self.instance(instance), observed: observed, isDirect: isDirect, wait: .zero, interval: .milliseconds(200),
                    card: card ?? .success(Self.card(instance: instance)))))
    }

    static let shot = Dial.PathRef.shot(ShotKey(strategy: 0, shot: ShotID(target: 0, turn: 1)))

    /// A path has authenticated the remote peer.
    func secure(_ kind: PathKind) {
        feed(.secured(kind == .circuit ? .circuit : Self.shot, kind, remote: kind == .circuit ? nil : Self.endpoint))
    }

    /// The strategies have tried everything.
    func exhaust() {
        context.areStrategiesExhausted = true
        feed(.strategiesExhausted)
    }

    /// What was done since the last time.
    func take() -> [String] {
        defer { done = [] }
        return done
    }

    var phase: String {
        switch dial.phase {
        case .waiting: "waiting"
        case .dialed(let dialed): dialed.isPending ? "pending" : "dialed"
        case .meeting: "meeting"
        case .over: "over"
        }
    }

    private func perform(_ action: Dial.Action) {
        switch action {
        case .emit(let event): events.append(event)
        case .openCircuit:
            done.append("circuit")
            context.isCircuitOpen = true
            feed(.circuitOpened)
        case .expectCircuit: break
        case .sendDial(let instance, let isDirect, _): done.append("dial" + (isDirect ? "" : " by circuit") + (instance == nil ? "" : " instance"))
        case .sendCancel: done.append("cancel")
        case .acceptDeferredMeet(let refusal):
            done.append("take up")
            context.hasDeferredMeet = false
            context.isCalled = true
            if let refusal { feed(.refused(refusal)) }
        case .waitAgain: done.append("again")
        case .dialAnew: done.append("anew")
        case .tell(.target(let endpoint, _, _)): targets.append(endpoint)
        case .tell(.met): done.append("meet")
        case .tell(.remoteAuthenticated): done.append("trust")
        case .tell, .deliver: break
        case .finishStrategies(let isConclusion):
            context.areStrategiesExhausted = true
            if isConclusion { feed(.strategiesFinished) }
        case .abandonDirectPaths:
            context.areStrategiesExhausted = true
            feed(.strategiesExhausted)
        case .announceCard: done.append("announce")
        case .close(let path): done.append("close \(path == .circuit ? "circuit" : "direct")")
        case .awaitOpening: done.append("await opening")
        case .beginSession(let path, _):
            done.append("begin on \(path == .circuit ? "circuit" : "direct")")
            begins.activePath = path == .circuit ? .circuit : .tcp
            context.session = begins
            context.isCircuitTaken = path == .circuit
            if !begins.isTentative { feed(.answered) }
            feed(.sessionBegan)
        case .addPath(_, let kind):
            done.append("add \(kind == .circuit ? "circuit" : "direct")")
            if context.session?.activePath == nil || context.session?.isSuspect == true || kind == .tcp { context.session?.activePath = kind }
            context.session?.isSuspect = false
            if kind == .circuit {
                context.isCircuitTaken = true
                feed(.sessionChanged)
            }
        case .reportMissedCircuit: feed(.circuitMissed)
        case .expectDirectPath: done.append("expect direct")
        case .reportRelayed(let verdict): done.append("relayed: \(verdict.rawValue)")
        case .complete: done.append("complete")
        case .fail(let code, _):
            done.append("fail \(code)")
            feed(.ended)
        case .requestForecast: done.append("ask")
        case .sampleAgain:
            done.append("sample")
            feed(.samplingChanged)
        case .answerForecast: done.append("answer")
        case .deliverForecast(let forecast):
            done.append(forecast == nil ? "no forecast" : "forecast")
            feed(.ended)
        case .release: done.append("release")
        }
    }
}
