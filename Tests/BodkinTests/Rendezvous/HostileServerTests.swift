import BodkinCore
import BodkinEmulation
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import Testing

@testable import Bodkin

/// The server may say anything, and the driver may report anything, at any moment.
@Suite("The rendezvous client bears every message and every event")
struct HostileServerTests {
    private static func number(_ random: inout SeededGenerator) -> UInt64 {
        [0, 1, 2, .max, .max - 1, 1_800_000_000_000, UInt64.random(in: 0 ... .max, using: &random)].randomElement(using: &random) ?? 0
    }

    private static func message(_ random: inout SeededGenerator) -> WireEnvelope.OneOf_Body {
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1:
            var welcome = WireWelcome()
            (welcome.timeMs, welcome.circuitWindow, welcome.dialsBack) = (
                number(&random), UInt32(truncatingIfNeeded: number(&random)), .random(using: &random)
            )
            return .welcome(welcome)
        case 2, 3, 4:
            var registered = WireRegistered()
            registered.sequence = number(&random)
            return .registered(registered)
        case 5, 6:
            var answer = WireDialedBack()
            answer.quota = .random(using: &random)
            answer.results = Array(repeating: WireDialedBack.Result(), count: Int.random(in: 0...2, using: &random))
            return .dialedBack(answer)
        case 7, 8:
            var ping = WirePing()
            ping.number = number(&random)
            return .random(using: &random) ? .ping(ping) : .pong(ping)
        case 9:
            var failure = WireFailure()
            failure.timeMs = number(&random)
            // Refusals end the machine, and so are rare.
            let codes: [WireFailure.Code] = [.expired, .shutdown, .unspecified, .quota, .UNRECOGNIZED(77)]
            failure.code = Int.random(in: 0..<200, using: &random) == 0 ? .token : codes.randomElement(using: &random) ?? .shutdown
            return .failure(failure)
        default:
            return [.hello(WireHello()), .register(WireRegister()), .meet(WireMeet()), .dialBack(WireDialBack())].randomElement(using: &random)
                ?? .meet(WireMeet())
        }
    }

    private static func input(_ random: inout SeededGenerator) -> RendezvousClient.Input {
        switch Int.random(in: 0..<26, using: &random) {
        case 0, 1: return .linkUp(serverKeyHash: Bool.random(using: &random) ? nil : [1])
        case 2: return .linkDown(TransportError(.serverRefused, "x"), jitter: [-1, 0, 0.5, 1, 2, .nan, .infinity].randomElement(using: &random) ?? 0)
        case 3: return .heard
        case 4:
            var local = LocalDescription()
            (local.bindingCount, local.observedCount) = (Int.random(in: 0...3, using: &random), Int.random(in: -1...3, using: &random))
            (local.isAnswerPending, local.keepalive) = (.random(using: &random), .seconds(Int.random(in: -1...9000, using: &random)))
            return .localChanged(local)
        case 5:
            return .demandChanged(
                ServerDemand(isAwaited: .random(using: &random), isPrecious: .random(using: &random), isMissed: .random(using: &random)))
        case 6: return .register
        case 7: return .probe
        case 8: return .awaitServer
        case 9: return .dialBack
        case 10:
            return .networkChanged(
                NetworkChange(
                    isOtherNetwork: .random(using: &random), hasAddress: .random(using: &random), isLinkAddressGone: .random(using: &random)))
        case 11: return .resolved(.init(isLocated: .random(using: &random), isNew: .random(using: &random), lacksPresent: .random(using: &random)))
        case 12: return .start
        case 13, 14, 15: return .timeout(jitter: .random(in: 0...1, using: &random))
        default: return .message(message(&random))
        }
    }

    @Test(
        "whatever comes in whatever order, nothing traps, every input leads to a few actions, and every deadline is met by progress",
        arguments: 0..<40)
    func anything(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let world = try VirtualRendezvous(hasNames: seed % 2 == 0)
        var client = RendezvousClient(world.configuration, localTime: Self.number(&random), at: .start)
        var now = Instant.start
        client.handle(.start, at: now)
        for _ in 0..<2_000 {
            if Bool.random(using: &random) { now = now + .milliseconds(Int.random(in: 0...20_000, using: &random)) }
            client.handle(Self.input(&random), at: now)
            var actions = 0
            while client.nextAction() != nil { actions += 1 }
            #expect(actions <= 8)
            // What is due is done after a few timeouts at one moment.
            var turns = 0
            while let deadline = client.deadline, deadline <= now, turns < 10 {
                client.handle(.timeout(jitter: 0.5), at: now)
                while client.nextAction() != nil {}
                turns += 1
            }
            #expect(turns < 10)
            if case .over = client.state { break }
        }
    }

    @Test("answers that nobody has asked for change nothing: neither renewals nor registrations can be had by them")
    func unsolicited() throws {
        let world = try VirtualRendezvous.registered()
        let count = world.actions.count
        for number in [0, 1, UInt64.max] {
            var registered = WireRegistered()
            registered.sequence = number
            world.hear(.registered(registered))
            var pong = WirePing()
            pong.number = number
            world.hear(.pong(pong))
        }
        #expect(world.actions.count == count && world.client.link?.acknowledged == 1)
    }

    @Test("a number beyond the latest card's is none that the server has taken")
    func sequence() throws {
        let world = try VirtualRendezvous()
        world.lie = { body in
            guard case .register = body else { return nil }
            var registered = WireRegistered()
            registered.sequence = .max
            return [.registered(registered)]
        }
        world.give(.start)
        #expect(world.run(atMost: .seconds(1)) { $0.client.isRegistered })
        #expect(world.client.link?.acknowledged == 1)
    }

    @Test("a server that pings without end is answered as often, and no more")
    func pings() throws {
        let world = try VirtualRendezvous.registered()
        let count = world.actions.count
        for number in 0..<500 as Range<UInt64> {
            var ping = WirePing()
            ping.number = number
            world.hear(.ping(ping))
        }
        #expect(world.actions.count == count + 500)
    }
}
