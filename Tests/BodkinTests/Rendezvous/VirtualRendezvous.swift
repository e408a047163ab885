import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import Testing

@testable import Bodkin

/// A rendezvous client and the real broker in virtual time, with a link between them that breaks or falls silent as a test wants.
final class VirtualRendezvous {
    enum Event {
        case connected(link: Int)
        case refused(link: Int, TransportError)
        case toServer(link: Int, WireEnvelope.OneOf_Body)
        case toClient(link: Int, WireEnvelope.OneOf_Body)
        /// The server's end is closed.
        case closed(link: Int)
        /// The client's end is closed.
        case left(link: Int)
        case resolved
    }

    static let serverHash = [UInt8](repeating: 7, count: 32)
    static let source = IPAddress(v4: 0xC000_0201)
    /// Milliseconds since 1970 at the start, by the client's clock.
    static let localTime: UInt64 = 1_800_000_000_000

    // MARK: What a test sets

    /// From one end to the other.
    let delay: Duration
    /// Whether a server listens; otherwise connections are refused.
    var isServerUp = true
    /// What answers in the server's place; nil for nothing.
    var intruder: TransportError.Code?
    /// What the resolver finds.
    var resolution = RendezvousClient.Resolution(isLocated: true, isNew: false, lacksPresent: false)
    /// Whether the packets of both directions are lost; connections come to nothing after 10 s.
    var isSilent = false
    /// How much the server's clock is ahead.
    var serverAhead: Duration = .zero
    var limits = BrokerLimits()
    var quotas = Quotas() { didSet { broker = RendezvousBroker(limits: limits, quotas: quotas) } }
    var dialsBack = true
    /// Whether the server knows the client's join token.
    var isTokenGood = true
    var jitter = 1.0
    /// How long the resolver takes; nil for ever.
    var resolutionTime: Duration? = .milliseconds(10)
    /// Is called when the resolver answers.
    var onResolved: () -> Void = {}
    /// What the server says in the place of an answer to a message.
    var lie: (WireEnvelope.OneOf_Body) -> [WireEnvelope.OneOf_Body]? = { _ in nil }

    // MARK: What has happened

    private(set) var now = Instant.start
    var client: RendezvousClient
    private var broker: RendezvousBroker
    private(set) var actions: [(at: Instant, action: RendezvousClient.Action)] = []
    private(set) var received: [(at: Instant, body: WireEnvelope.OneOf_Body)] = []
    let configuration: RendezvousClient.Configuration

    private var events: [(at: Instant, order: Int, event: Event)] = []
    private var order = 0
    private var links = 0
    /// The link that is open at the client's end, and at the server's.
    private var clientLink: Int?
    private var serverLink: Int?
    /// The link that the client makes beside a silent one.
    private var replacementLink: Int?
    private var hasGreeted = false
    /// How many timeouts were handled at one moment.
    private var turns = 0

    init(
        delay: Duration = .milliseconds(25), token: [UInt8]? = [1, 2, 3], cardLifetime: Duration = .seconds(7200), hasNames: Bool = false,
        isLocated: Bool = true, isPatient: Bool = true
    ) throws {
        self.delay = delay
        configuration = RendezvousClient.Configuration(
            identity: try .create(), instance: .random(), token: token, policy: WirePolicy(.anyone), stunKey: Array(repeating: 9, count: 32),
            cardLifetime: cardLifetime, keyHash: Self.serverHash, hasNames: hasNames, serverName: "server", isLocated: isLocated, isPatient: isPatient
        )
        client = RendezvousClient(configuration, localTime: Self.localTime, at: .start)
        broker = RendezvousBroker(limits: limits, quotas: quotas)
    }

    /// A client that has registered.
    static func registered(delay: Duration = .milliseconds(25), hasNames: Bool = false) throws -> VirtualRendezvous {
        let world = try VirtualRendezvous(delay: delay, hasNames: hasNames)
        world.give(.start)
        world.give(.localChanged(LocalDescription()))
        try #require(world.run(atMost: .seconds(5)) { $0.client.isRegistered })
        return world
    }

    var serverTime: UInt64 { UInt64(Int64(Self.localTime) + Int64((now.sinceStart + serverAhead) / .milliseconds(1))) }
    private var deadline: NIODeadline { .uptimeNanoseconds(1_000_000_000_000) + TimeAmount(now.sinceStart) }
    /// How often the server was pinged.
    var pings: [Instant] { received.filter { if case .ping = $0.body { true } else { false } }.map(\.at) }
    var cards: [WireRegister] { received.compactMap { if case .register(let register) = $0.body { register } else { nil } } }
    var connects: [Instant] { actions.filter { if case .connect = $0.action { true } else { false } }.map(\.at) }
    var replacements: [Instant] { actions.filter { if case .replace = $0.action { true } else { false } }.map(\.at) }
    var losses: [Instant] { actions.filter { if case .linkLost = $0.action { true } else { false } }.map(\.at) }
    var resolutions: [Instant] { actions.filter { if case .resolve = $0.action { true } else { false } }.map(\.at) }
    var failedConnects: [Instant] { actions.filter { if case .connectFailed = $0.action { true } else { false } }.map(\.at) }
    /// The losses that are told, and the reasons for which the server is said to be awaited.
    var toldLosses: Int { actions.count { if case .linkLost(_, true) = $0.action { true } else { false } } }
    var reasons: [String] { actions.compactMap { if case .awaitingServer(let message) = $0.action { message } else { nil } } }
    var failure: (any Error)? { actions.lazy.compactMap { if case .fail(let error) = $0.action { error } else { nil } }.first }
    var windows: [Int] { actions.compactMap { if case .openCircuits(let window) = $0.action { window } else { nil } } }

    // MARK: Driving it

    func give(_ input: RendezvousClient.Input) {
        client.handle(input, at: now)
        perform()
    }

    /// The client is given a message that an honest server would not send.
    func hear(_ body: WireEnvelope.OneOf_Body) { give(.message(body)) }

    func run(for time: Duration) { run(atMost: time) { _ in false } }

    /// Runs until something holds, for so long at most. Whether it does then.
    @discardableResult
    func run(atMost time: Duration, until condition: (VirtualRendezvous) -> Bool) -> Bool {
        let end = now + time
        while !condition(self) {
            let next = [events.first?.at, client.deadline, brokerDeadline].compactMap { $0 }.min()
            guard let next, next <= end else {
                now = end
                return condition(self)
            }
            step(to: max(next, now))
        }
        return true
    }

    private var brokerDeadline: Instant? {
        broker.nextDeadline.map { Instant(sinceStart: .nanoseconds(($0 - .uptimeNanoseconds(1_000_000_000_000)).nanoseconds)) }
    }

    private func step(to moment: Instant) {
        turns = moment == now ? turns + 1 : 0
        if turns > 1000 { Issue.record("the machine does not come to rest at \(moment)") }
        now = moment
        if let event = events.first, event.at <= now {
            events.removeFirst()
            take(event.event)
        } else if let deadline = client.deadline, deadline <= now {
            give(.timeout(jitter: jitter))
        } else {
            broker.expire(now: deadline)
            performBroker()
        }
    }

    /// The server's process ends, and another one begins after a while, with what was set meanwhile. Peers are told by an RST.
    func restartServer(after pause: Duration = .zero) {
        isServerUp = false
        if let serverLink { later(delay, .closed(link: serverLink)) }
        serverLink = nil
        run(for: pause)
        broker = RendezvousBroker(limits: limits, quotas: quotas)
        isServerUp = true
    }

    /// The connection is reset, at both ends.
    func resetLink() {
        guard let clientLink else { return }
        later(.zero, .closed(link: clientLink))
        later(.zero, .left(link: clientLink))
    }

    /// The server says something.
    func say(_ body: WireEnvelope.OneOf_Body) { if let serverLink { transmit(.toClient(link: serverLink, body)) } }

    private func later(_ time: Duration, _ event: Event) {
        order += 1
        let entry = (at: now + time, order: order, event: event)
        let index = events.firstIndex { ($0.at, $0.order) > (entry.at, entry.order) } ?? events.endIndex
        events.insert(entry, at: index)
    }

    private func transmit(_ event: Event) { if !isSilent { later(delay, event) } }

    // MARK: The client's end

    private func perform() {
        while let action = client.nextAction() {
            actions.append((now, action))
            switch action {
            case .connect: clientLink = connect()
            case .replace: replacementLink = connect()
            case .promoteReplacement: (clientLink, replacementLink) = (replacementLink, nil)
            case .abandonReplacement:
                if let replacementLink { transmit(.left(link: replacementLink)) }
                replacementLink = nil
            case .send(let body): if let clientLink { transmit(.toServer(link: clientLink, body)) }
            case .disconnect, .fail:
                if let clientLink { transmit(.left(link: clientLink)) }
                clientLink = nil
            case .resolve: if let resolutionTime { later(resolutionTime, .resolved) }
            case .registrationSent, .openCircuits, .registered, .linkLost, .connectFailed, .awaitingServer, .dialedBack: break
            }
        }
    }

    private func connect() -> Int {
        links += 1
        // TCP and TLS take two round trips.
        if isSilent {
            later(.seconds(10), .refused(link: links, TransportError(.serverUnreachable, "silence")))
        } else if let intruder {
            later(delay * 4, .refused(link: links, TransportError(intruder, "\(intruder)")))
        } else if isServerUp {
            later(delay * 4, .connected(link: links))
        } else {
            later(delay * 2, .refused(link: links, TransportError(.serverUnreachable, "refused")))
        }
        return links
    }

    private func take(_ event: Event) {
        switch event {
        case .connected(let link):
            guard link == clientLink || link == replacementLink else { return }
            guard isServerUp, !isSilent else { return later(.seconds(8), .refused(link: link, TransportError(.serverUnreachable, "silence"))) }
            (serverLink, hasGreeted) = (link, false)
            give(link == clientLink ? .linkUp(serverKeyHash: Self.serverHash) : .replacementUp(serverKeyHash: Self.serverHash))
            give(.localChanged(client.local))
        case .refused(let link, let error):
            if link == clientLink { lose(error) }
            guard link == replacementLink else { return }
            replacementLink = nil
            give(.replacementDown(error, jitter: jitter))
        case .closed(let link):
            if link == clientLink { lose(TransportError(.serverRefused, "the rendezvous server has closed the connection")) }
        case .toServer(let link, let body): if link == serverLink { serve(body, link) }
        case .toClient(let link, let body): if link == clientLink { give(.message(body)) }
        case .left(let link): leave(link)
        case .resolved:
            onResolved()
            give(.resolved(resolution))
        }
    }

    private func lose(_ error: TransportError) {
        clientLink = nil
        give(.linkDown(error, jitter: jitter))
    }
}

// MARK: - The server's end

extension VirtualRendezvous {
    private func leave(_ link: Int) {
        broker.leave(ConnectionID(UInt64(link)), now: deadline)
        performBroker()
        if link == serverLink { serverLink = nil }
    }

    private func serve(_ body: WireEnvelope.OneOf_Body, _ link: Int) {
        received.append((now, body))
        if let lies = lie(body) { return lies.forEach { transmit(.toClient(link: link, $0)) } }
        let id = ConnectionID(UInt64(link))
        switch body {
        case .hello(let hello):
            guard !hasGreeted, let instance = InstanceID(bytes: hello.instance) else { return fail(link, .protocol, "hello") }
            guard hello.token == Data(configuration.token ?? []), isTokenGood else { return fail(link, .token, "the join token is missing or wrong") }
            let isIn = broker.join(
                id, peer: configuration.identity.peerID, instance: instance, token: 0, source: Self.source, roundTrip: TimeAmount(delay * 2),
                now: deadline)
            guard isIn else { return fail(link, .quota, "") }
            hasGreeted = true
            var welcome = WireWelcome()
            (welcome.version, welcome.timeMs, welcome.circuitWindow, welcome.dialsBack) = (1, serverTime, UInt32(limits.circuitWindow), dialsBack)
            transmit(.toClient(link: link, .welcome(welcome)))
        case _ where !hasGreeted: fail(link, .protocol, "the first message must be a hello")
        case .register(let register):
            do {
                let registration = try Registration(
                    register, of: configuration.identity.peerID, instance: configuration.instance, server: Self.serverHash, wallClock: serverTime,
                    now: deadline)
                broker.register(id, registration, now: deadline)
            } catch {
                fail(link, error.code, error.message)
            }
        case .ping(let ping): transmit(.toClient(link: link, .pong(ping)))
        case .dialBack: broker.dialBack(id, now: deadline)
        default: break
        }
        performBroker()
    }

    private func performBroker() {
        for action in broker.takeActions() {
            switch action {
            case .send(let body, let id): transmit(.toClient(link: Int(id.number), body))
            case .fail(let code, let message, let id):
                broker.leave(id, now: deadline)
                fail(Int(id.number), code, message)
            default: break
            }
        }
    }

    /// A final message; the connection is closed a second later.
    private func fail(_ link: Int, _ code: WireFailure.Code, _ message: String) {
        var failure = WireFailure()
        (failure.code, failure.message, failure.timeMs) = (code, message, serverTime)
        transmit(.toClient(link: link, .failure(failure)))
        if !isSilent { later(.seconds(1) + delay, .closed(link: link)) }
        leave(link)
    }
}
