import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

/// A peer may begin before its server, its network or its name, and is told about it once.
@Suite("The rendezvous client waits for a server that is not there")
struct AbsentServerTests {
    /// What is there in the server's place, from the start or after a registration.
    enum Obstacle: CaseIterable {
        case refusal, silence, noAddress, hangingResolver, portal, otherProtocol, full, closing, otherServer

        /// Whether no time mends it, before the first registration.
        var isHopeless: Bool { self == .otherServer }

        func begin(_ world: VirtualRendezvous) {
            switch self {
            case .refusal: world.isServerUp = false
            case .silence: world.isSilent = true
            case .noAddress: world.resolution.isLocated = false
            case .hangingResolver: world.resolutionTime = .seconds(25)
            case .portal: world.intruder = .serverIntercepted
            case .otherProtocol: world.intruder = .serverProtocol
            case .full: world.quotas.address.registrations = 0
            case .closing: world.intruder = .serverRefused
            case .otherServer: world.intruder = .serverImpostor
            }
        }

        func end(_ world: VirtualRendezvous) {
            (world.isServerUp, world.isSilent, world.intruder) = (true, false, nil)
            world.resolution = .init(isLocated: true, isNew: self == .noAddress, lacksPresent: false)
            if self == .full { world.quotas = Quotas() }
        }
    }

    @Test("whatever is in the way at the start is said once, and waited out; another server's key ends it", arguments: Obstacle.allCases)
    func first(_ obstacle: Obstacle) throws {
        let hasNoAddress = obstacle == .noAddress || obstacle == .hangingResolver
        let world = try VirtualRendezvous(hasNames: hasNoAddress, isLocated: !hasNoAddress)
        obstacle.begin(world)
        world.give(.start)
        world.run(for: .seconds(15))
        guard !obstacle.isHopeless else {
            return #expect((world.failure as? TransportError)?.code == .serverImpostor && world.client.deadline == nil)
        }
        #expect(world.failure == nil && world.reasons.count == 1, "\(world.reasons)")
        #expect(world.client.absence != nil && world.toldLosses == 0)
        obstacle.end(world)
        #expect(world.run(atMost: .seconds(20)) { $0.client.isRegistered })
        #expect(world.client.absence == nil && world.reasons.count == 1)
    }

    @Test("whatever comes between later is waited out, another server's key included: by it the peer was registered", arguments: Obstacle.allCases)
    func later(_ obstacle: Obstacle) throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.run(for: .seconds(20))
        obstacle.begin(world)
        world.resetLink()
        world.run(for: .seconds(15))
        let isOther = [.portal, .otherProtocol, .otherServer].contains(obstacle)
        #expect(world.failure == nil && world.toldLosses == 1 && world.reasons.count == (isOther ? 1 : 0), "\(world.reasons)")
        obstacle.end(world)
        #expect(world.run(atMost: .seconds(30)) { $0.client.isRegistered })
        // The next time it is news again.
        obstacle.begin(world)
        world.resetLink()
        world.run(for: .seconds(15))
        #expect(world.toldLosses == 2)
    }

    @Test("a portal that takes the place of a silent network is news, and each is told once")
    func two() throws {
        let world = try VirtualRendezvous()
        for _ in 0..<3 {
            world.isServerUp = false
            world.run(for: .seconds(20))
            if world.connects.isEmpty { world.give(.start) }
            world.intruder = .serverIntercepted
            world.run(for: .seconds(40))
            world.intruder = nil
        }
        #expect(world.reasons == ["refused", "serverIntercepted"])
    }

    @Test(
        "however long it was away, a peer that was never registered is so within ten seconds of the server's coming", arguments: [60, 3600, 86_400])
    func long(_ seconds: Int) throws {
        let world = try VirtualRendezvous()
        world.isServerUp = false
        world.give(.start)
        world.run(for: .seconds(seconds))
        world.isServerUp = true
        #expect(world.run(atMost: .seconds(10) + world.delay * 8) { $0.client.isRegistered })
        #expect(world.connects.count < seconds / 9 + 20, "\(world.connects.count)")
    }

    @Test("a network that comes up has the peer connect at once, also before its first registration")
    func network() throws {
        let world = try VirtualRendezvous()
        world.isServerUp = false
        world.give(.start)
        world.run(for: .seconds(60))
        world.isServerUp = true
        world.give(.networkChanged(NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: true)))
        #expect(world.run(atMost: world.delay * 6) { $0.client.isRegistered })
    }

    // MARK: Names that lead elsewhere

    @Test("the names are resolved now and then while the link is up; two answers in a row that lead elsewhere move the peer, once")
    func moved() throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.run(for: .seconds(1000))
        #expect((3...4).contains(world.resolutions.count) && world.connects.count == 1)
        world.resolution.lacksPresent = true
        world.run(for: .seconds(400))
        #expect(world.connects.count == 2 && world.toldLosses == 1 && world.client.isRegistered)
        // The former address is the only one that answers: it is not left again and again.
        world.run(for: .seconds(3600))
        #expect(world.connects.count == 2)
        world.resolution.lacksPresent = false
        world.run(for: .seconds(301))
        world.resolution.lacksPresent = true
        world.run(for: .seconds(400))
        #expect(world.connects.count == 3)
    }

    @Test("one answer that leads elsewhere moves nobody, and none does while bytes run over the circuit")
    func stays() throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.onResolved = { world.resolution.lacksPresent.toggle() }
        world.run(for: .seconds(3000))
        #expect(world.connects.count == 1)
        world.onResolved = {}
        world.resolution.lacksPresent = true
        world.give(.demandChanged(ServerDemand(isPrecious: true)))
        world.run(for: .seconds(3000))
        #expect(world.connects.count == 1 && world.resolutions.count < 200)
        world.give(.demandChanged(ServerDemand()))
        world.run(for: .seconds(61))
        #expect(world.connects.count == 2)
    }
}
