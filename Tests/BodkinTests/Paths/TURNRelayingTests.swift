import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

@Suite("A path by TURN relays")
struct TURNRelayingTests {
    private static let peer = PeerID(publicKey: [UInt8](repeating: 1, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
    private static let (remote, relay, other) = (IPAddress(v4: 0xCB00_710B), IPAddress(v4: 0xC633_6401), IPAddress(v4: 0xC633_6402))
    private static let (ours, theirs) = (Endpoint(relay, 50_000), Endpoint(relay, 50_001))

    /// A strategy with its dial's report, and what it has asked for.
    private struct Driven {
        var strategy = TURNRelaying()
        var report = ConnectionReport(peer: TURNRelayingTests.peer)
        var now = Instant.start
        var context: DialContext
        var actions: [PathStrategyAction] = []

        init(isDialer: Bool = true, hasRelays: Bool = true) {
            context = DialContext(start: .start, isDialer: isDialer, isRemoteAuthenticated: true, isConnecting: false)
            context.hasRelays = hasRelays
            context.remoteAddresses = [TURNRelayingTests.remote]
        }

        mutating func feed(_ events: PathStrategyEvent...) {
            for event in events {
                strategy.handle(event, in: context, report: &report, at: now)
                while let action = strategy.nextAction() { actions.append(action) }
            }
        }

        mutating func meet() { feed(.met(start: now, interval: .milliseconds(200))) }

        /// Lets the deadline come.
        mutating func wait() {
            now = strategy.deadline ?? now
            feed(.timeout)
        }

        mutating func take() -> [PathStrategyAction] {
            defer { actions = [] }
            return actions.filter { if case .judged = $0 { false } else { true } }
        }

        var verdict: String { report.attempts.last.map { "\($0.verdict.rawValue) \($0.detail)" } ?? "none" }
    }

    @Test("a server without relays, and a peer that allows none, is no reason to wait")
    func none() {
        var dial = Driven(hasRelays: false)
        dial.meet()
        #expect(dial.strategy.isExhausted && dial.take().isEmpty && dial.report.attempts.isEmpty)
    }

    @Test("the dialer begins three seconds after the first instant, or at once where no direct path is looked for")
    func delay() {
        var dial = Driven()
        dial.meet()
        #expect(dial.strategy.deadline == Instant(sinceStart: .seconds(3)) && dial.take().isEmpty)
        dial.feed(.directPathsAbandoned)
        dial.wait()
        #expect(dial.now == .start && dial.take() == [.queryRelays])
    }

    @Test("the dialer has an allocation, permits the remote peer, tells it, and takes the connection that comes")
    func dialer() {
        var dial = Driven()
        dial.meet()
        dial.wait()
        dial.feed(.relays([Self.relay]))
        #expect(dial.take() == [.queryRelays, .allocate(towards: nil)])
        dial.feed(.allocated(Self.ours))
        #expect(dial.take() == [.permit([Self.remote])])
        dial.feed(.permitted)
        #expect(dial.take() == [.sendRelayed(Self.ours)])
        dial.feed(.connected(TURNRelaying.plainShot), .secured(TURNRelaying.plainShot))
        #expect(dial.take() == [.closeAll, .awaitTurn] && !dial.strategy.isExhausted)
        dial.feed(.turn)
        #expect(dial.strategy.isExhausted && dial.verdict == "succeeded ")
        #expect(dial.report.attempts.last?.remote == Self.ours)
    }

    @Test("the called side connects to the remote relayed endpoint where that is a relay of its own server")
    func called() {
        var dial = Driven(isDialer: false)
        dial.meet()
        dial.feed(.remoteRelayed(Self.theirs), .relays([Self.relay]))
        #expect(dial.take() == [.queryRelays, .connectToRelayed(TURNRelaying.plainShot, Self.theirs)])
        dial.feed(.connected(TURNRelaying.plainShot), .secured(TURNRelaying.plainShot), .turn)
        #expect(dial.strategy.isExhausted && dial.verdict == "succeeded ")
    }

    @Test(
        "the called side has an allocation where nothing answers there, where that is refused, and where the endpoint is no known relay's",
        arguments: [0, 1, 2])
    func both(_ reason: Int) {
        var dial = Driven(isDialer: false)
        dial.meet()
        dial.feed(.remoteRelayed(Self.theirs), .relays([reason == 2 ? Self.other : Self.relay]))
        if reason == 0 { dial.wait() }
        if reason == 1 { dial.feed(.failed(TURNRelaying.plainShot, .refused)) }
        dial.feed(.allocated(Self.ours), .permitted)
        let begin: [PathStrategyAction] = [.queryRelays] + (reason == 2 ? [] : [.connectToRelayed(TURNRelaying.plainShot, Self.theirs)])
        #expect(dial.take() == begin + [.allocate(towards: .v4), .permit([Self.relay]), .sendRelayed(Self.ours)])
        #expect(dial.now <= Instant(sinceStart: .seconds(1)))
    }

    @Test("the dialer's relay connects to the called side's relayed endpoint, once")
    func relayToRelay() {
        var dial = Driven()
        dial.meet()
        dial.wait()
        dial.feed(.relays([Self.relay]), .allocated(Self.ours), .permitted)
        _ = dial.take()
        dial.feed(.remoteRelayed(Self.theirs), .remoteRelayed(Endpoint(Self.other, 1)))
        #expect(dial.take() == [.connectByRelay(TURNRelaying.relayShot, Self.theirs)])
        dial.feed(.failed(TURNRelaying.relayShot, .other("403")))
        #expect(dial.strategy.isExhausted && dial.take() == [.sendRelayed(nil), .closeAll, .releaseRelays] && dial.verdict == "failed 403")
    }

    @Test("a stranger's connection to the relayed endpoint ends nothing")
    func stranger() {
        var dial = Driven()
        dial.meet()
        dial.wait()
        dial.feed(.relays([Self.relay]), .allocated(Self.ours), .permitted, .connected(TURNRelaying.plainShot))
        dial.feed(.lost(TURNRelaying.plainShot, .impostor))
        #expect(!dial.strategy.isExhausted)
    }

    @Test("each step ends in time, says so, and tells the remote peer", arguments: 0...3)
    func lateness(_ steps: Int) {
        var dial = Driven()
        dial.meet()
        dial.wait()
        let events: [PathStrategyEvent] = [.relays([Self.relay]), .allocated(Self.ours), .permitted]
        for event in events.prefix(steps) { dial.feed(event) }
        let start = dial.now
        dial.wait()
        #expect(dial.strategy.isExhausted && dial.now - start == TURNRelaying.patience && dial.take().suffix(3).first == .sendRelayed(nil))
        #expect(dial.verdict.hasSuffix("in time"))
    }

    @Test("a called side that hears of no relay, or hears nothing, is done", arguments: [false, true])
    func silence(_ isTold: Bool) {
        var dial = Driven(isDialer: false)
        dial.meet()
        if isTold { dial.feed(.remoteRelayed(nil)) } else { dial.wait() }
        #expect(dial.strategy.isExhausted && dial.report.attempts.isEmpty)
        #expect(dial.now <= Instant(sinceStart: TURNRelaying.delay + TURNRelaying.patience * 2))
    }

    @Test("a session that a relay carries already needs none, and a direct path that is about to carry it is waited for")
    func needless() {
        var dial = Driven()
        dial.context.isOnRelay = true
        dial.meet()
        dial.wait()
        #expect(dial.strategy.isExhausted && dial.take() == [.sendRelayed(nil), .closeAll, .releaseRelays] && dial.report.attempts.isEmpty)
        dial = Driven()
        dial.context.hasDirectPath = true
        dial.meet()
        dial.wait()
        #expect(!dial.strategy.isExhausted && dial.take().isEmpty)
    }

    @Test("another path that is first, and the end of the dial, end it without a word", arguments: [false, true])
    func superseded(_ isEnd: Bool) {
        var dial = Driven()
        dial.meet()
        dial.wait()
        dial.feed(.relays([Self.relay]), .allocated(Self.ours), .permitted, .connected(TURNRelaying.plainShot))
        _ = dial.take()
        if isEnd { dial.strategy.close() } else { dial.feed(.superseded(TURNRelaying.plainShot)) }
        while let action = dial.strategy.nextAction() { dial.actions.append(action) }
        #expect(dial.strategy.isExhausted && dial.take() == [.closeAll, .releaseRelays])
    }
}
