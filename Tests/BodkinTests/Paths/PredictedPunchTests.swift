import BodkinCore
import BodkinEmulation
import BodkinPrediction
import Testing

@testable import Bodkin

@Suite("Predicted punch")
struct PredictedPunchTests {
    private static let here = IPAddress(v4: 0xCB00_710B)
    private static let there = IPAddress(v4: 0xCB00_710D)
    private static let counted = PortForecast.Ports.sequential(delta: 1, count: 16, index: 8)
    private static let drawn = PortForecast.Ports.random(1024...65535, count: 512, isBlock: false)
    private static let block = PortForecast.Ports.random(2050...2561, count: 200, isBlock: true)

    private static func forecast(_ ports: PortForecast.Ports) -> PortForecast { PortForecast(address: there, port: 5000, ports: ports) }

    /// A machine whose own ports come about in this way, with a driver that samples at once, grants what it is asked for, and writes down the rest.
    private struct Driven {
        var punch = PredictedPunch()
        var report: ConnectionReport
        var now = Instant.start
        var context: DialContext
        var nat: DialContext.LocalNAT { didSet { context.localNAT = { [nat] in nat } } }
        var connects: [(source: ShotSource, remote: Endpoint, at: Instant)] = []
        var shots: [ShotID] = []
        var told: [Int] = []
        var actions: [PathStrategyAction] = []
        var grants = Int.max
        var half = 0

        init(_ ports: PortForecast.Ports, isAuthenticated: Bool = true) throws {
            report = ConnectionReport(peer: try #require(PeerID(publicKey: [UInt8](repeating: 1, count: 32))))
            let nat = DialContext.LocalNAT(
                observed: Endpoint(PredictedPunchTests.here, 4000), keepsEndpoint: ports == .fixed, isAllocatorKnown: ports != .fixed,
                blockPortsLeft: 40, ports: { _ in ports })
            context = DialContext(
                start: .start, isDialer: true, isRemoteAuthenticated: isAuthenticated, isConnecting: false, allowsPrediction: true,
                serverRoundTrip: .milliseconds(50), timeByCircuit: .milliseconds(50), seed: 7, localNAT: { nat })
            self.nat = nat
            feed(.natLearned)
        }

        mutating func feed(_ event: PathStrategyEvent) {
            context.seed &+= 1
            punch.handle(event, in: context, report: &report, at: now)
            drain()
        }

        private mutating func drain() {
            while let action = punch.nextAction() {
                switch action {
                case .sample(let round): feed(.sampled(round: round, (external: 4100, nextLocal: 20_002)))
                case .sendForecast(_, let round): told.append(round)
                case .requestRoom(let count):
                    half += min(count, grants)
                    feed(.granted(min(count, grants)))
                    if count > grants { feed(.denied(count - grants)) }
                case .returnRoom(let count): half -= count
                case .connect(let shot, let remote, let source):
                    half -= 1
                    shots.append(shot)
                    connects.append((source, remote, now))
                case .awaitTurn: feed(.turn)
                default: actions.append(action)
                }
            }
        }

        mutating func run(for time: Duration) {
            let end = now + time
            while let deadline = punch.deadline, deadline <= end {
                now = max(now, deadline)
                feed(.timeout)
            }
            now = end
        }
    }

    @Test("before the remote peer has proved itself nothing is told and nothing fired", arguments: [counted, drawn, PortForecast.Ports.fixed])
    func authentication(_ ports: PortForecast.Ports) throws {
        var dial = try Driven(ports, isAuthenticated: false)
        dial.feed(.remoteForecast(Self.forecast(Self.counted), round: 1))
        dial.run(for: .seconds(1))
        #expect(dial.told.isEmpty && dial.connects.isEmpty)
        dial.context.isRemoteAuthenticated = true
        dial.feed(.remoteAuthenticated)
        #expect(dial.told == [1])
        dial.run(for: .milliseconds(200))
        #expect(dial.connects.isEmpty == (ports == Self.drawn))
    }

    @Test("two sequential sides fire their whole bursts at one port each, from consecutive local ports")
    func sequential() throws {
        var dial = try Driven(Self.counted)
        #expect(dial.told == [1])
        dial.feed(.remoteForecast(Self.forecast(Self.counted), round: 1))
        dial.run(for: .milliseconds(1))
        #expect(dial.connects.map(\.source) == (0..<16).map { .port(20_002 + $0) })
        #expect(Set(dial.connects.map(\.remote)) == [Endpoint(Self.there, 5009)])
        #expect(dial.report.attempts.map(\.round) == [1] && dial.report.attempts[0].shots == 16)
    }

    @Test("a known port guesses from the reserved port at once, and fires after the other side in the second round")
    func guesses() throws {
        var dial = try Driven(.fixed)
        dial.feed(.remoteForecast(Self.forecast(Self.drawn), round: 1))
        dial.run(for: .milliseconds(1))
        let count = dial.connects.count
        #expect(count >= 512 && dial.connects.allSatisfy { $0.source == .reservedPort })
        dial.run(for: .seconds(1))
        #expect(dial.told == [1, 2])
        dial.feed(.remoteForecast(Self.forecast(Self.drawn), round: 2))
        dial.run(for: PredictedPunch.burstDuration - .milliseconds(1))
        #expect(dial.connects.count == count)
        dial.run(for: .milliseconds(2))
        #expect(dial.connects.count == 2 * count)
        dial.run(for: .seconds(3))
        #expect(dial.punch.isExhausted && dial.told == [1, 2])
        #expect(dial.report.attempts.map(\.verdict) == [.silent, .silent])
    }

    @Test("a sequential side does not wait for an answer that the remote card has given already")
    func assumed() throws {
        var dial = try Driven(Self.counted, isAuthenticated: false)
        dial.context.keptRemoteEndpoint = Endpoint(Self.there, 5000)
        dial.context.isRemoteAuthenticated = true
        dial.feed(.remoteAuthenticated)
        dial.run(for: .milliseconds(50))
        #expect(dial.connects.isEmpty)
        dial.run(for: .milliseconds(10))
        #expect(dial.connects.map(\.remote) == [Endpoint(Self.there, 5000)])
    }

    @Test("two sides that draw from all ports fire nothing, and say that it is hopeless")
    func hopeless() throws {
        var dial = try Driven(Self.drawn)
        dial.feed(.remoteForecast(Self.forecast(Self.drawn), round: 1))
        #expect(dial.connects.isEmpty && dial.punch.isExhausted)
        #expect(dial.punch.verdict == .unpredictable)
    }

    @Test("two blocks have one round, of what the block has left")
    func blocks() throws {
        var dial = try Driven(Self.block)
        dial.feed(.remoteForecast(Self.forecast(Self.block), round: 1))
        dial.run(for: .seconds(5))
        #expect(dial.connects.count == 40)
        #expect(dial.told == [1] && dial.punch.isExhausted)
    }

    @Test("while the mapping is unknown a round waits, and for no longer than samplings take")
    func postponed() throws {
        for isFound in [true, false] {
            var dial = try Driven(Self.counted)
            dial.punch = PredictedPunch()
            (dial.nat.observed, dial.told) = (nil, [])
            dial.feed(.natLearned)
            dial.run(for: .seconds(5))
            #expect(dial.told.isEmpty && dial.punch.deadline != nil)
            if isFound {
                dial.nat.observed = Endpoint(Self.here, 4000)
                dial.feed(.natLearned)
                #expect(dial.told == [1])
            } else {
                dial.run(for: .seconds(5))
                #expect(dial.punch.isExhausted && dial.punch.deadline == nil)
            }
        }
    }

    @Test("what there is no room for is said in the report")
    func room() throws {
        var dial = try Driven(.fixed)
        dial.grants = 100
        dial.feed(.remoteForecast(Self.forecast(Self.drawn), round: 1))
        dial.run(for: .milliseconds(1))
        #expect(dial.connects.count == 100)
        dial.run(for: .seconds(1))
        #expect(dial.report.attempts[0].detail.contains("SYNs not sent"))
        #expect(dial.half == 0)
    }

    @Test("of a round's many connections the first loss counts until one carries the session, and that one's loss is said")
    func verdicts() throws {
        var dial = try Driven(Self.counted)
        dial.nat.isMappingDoubtful = true
        dial.feed(.remoteForecast(Self.forecast(Self.counted), round: 1))
        dial.run(for: .milliseconds(1))
        #expect(Set(dial.shots).count == dial.connects.count)
        let verdict = { (dial: borrowing Driven) in dial.report.attempts[0].verdict }
        dial.feed(.lost(dial.shots[0], .impostor))
        dial.feed(.lost(dial.shots[1], .closedByRemote))
        #expect(verdict(dial) == .impostor)
        dial.feed(.secured(dial.shots[2]))
        dial.feed(.lost(dial.shots[3], .closedByRemote))
        #expect(verdict(dial) == .succeeded)
        dial.feed(.lost(dial.shots[2], .beforeTakeover("reset")))
        #expect(verdict(dial) == .failed && dial.report.attempts[0].detail.hasSuffix("reset"))
        dial.feed(.settled(dial.shots[4]))
        #expect(verdict(dial) == .succeeded && dial.actions.contains(.foundAddressDependence))
    }

    @Test("while the direct path is only doubted, and the circuit has proved nobody, no search begins")
    func doubted() throws {
        var dial = try Driven(Self.drawn, isAuthenticated: false)
        (dial.context.isRemoteAuthenticated, dial.context.isDirectPathDoubted) = (true, true)
        dial.feed(.remoteAuthenticated)
        #expect(dial.told.isEmpty)
        dial.context.isDirectPathDoubted = false
        dial.feed(.remoteAuthenticated)
        #expect(dial.told == [1])
    }

    @Test("a Meet that stays silent is evidence only where the mapping is in doubt")
    func silence() throws {
        for isDoubtful in [true, false] {
            var dial = try Driven(Self.counted)
            dial.punch = PredictedPunch()
            (dial.nat.keepsEndpoint, dial.nat.isMappingDoubtful, dial.told) = (true, isDoubtful, [])
            dial.feed(.natLearned)
            #expect(dial.told.isEmpty)
            dial.feed(.meetStayedSilent(isLong: false))
            #expect(dial.told == (isDoubtful ? [1] : []))
        }
    }

    @Test("whatever comes in whatever order, there are two rounds at most, room is given back, and after the end nothing is fired")
    func hostile() throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let kinds = [Self.counted, Self.drawn, Self.block, .fixed, .unknown]
            var dial = try Driven(kinds.randomElement(using: &random) ?? .fixed, isAuthenticated: seed % 2 == 0)
            for _ in 0..<100 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0: dial.feed(.natLearned)
                case 1: dial.feed(.meetStayedSilent(isLong: Bool.random(using: &random)))
                case 2: dial.feed(.sampled(round: Int.random(in: -1...3, using: &random), nil))
                case 3:
                    dial.context.isRemoteAuthenticated = true
                    dial.feed(.remoteAuthenticated)
                case 4, 5:
                    let forecast = Self.forecast(kinds.randomElement(using: &random) ?? .fixed)
                    dial.feed(.remoteForecast(forecast, round: Int.random(in: -1...4, using: &random)))
                case 6: dial.feed(.denied(Int.random(in: 0...2000, using: &random)))
                case 7: dial.context.isConnecting.toggle()
                case 8: dial.feed(.failed(ShotID(target: 1, turn: 1), .noDescriptor))
                default: dial.run(for: .milliseconds(Int.random(in: 0...900, using: &random)))
                }
            }
            #expect(dial.report.rounds <= 2, "seed \(seed)")
            let count = dial.connects.count
            dial.punch.close()
            dial.feed(.remoteForecast(Self.forecast(Self.counted), round: 1))
            dial.feed(.turn)
            dial.run(for: .seconds(20))
            #expect(dial.connects.count == count && dial.half == 0 && dial.punch.deadline == nil, "seed \(seed): \(dial.half)")
        }
    }
}
