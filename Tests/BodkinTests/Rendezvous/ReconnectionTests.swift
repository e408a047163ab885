import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

@Suite("The rendezvous client connects again")
struct RendezvousReconnectionTests {
    /// How a link ends.
    enum Loss: CaseIterable {
        case reset, silence, restart
    }

    @Test("a link that is lost at whatever step is replaced, and the peer registered again", arguments: Loss.allCases, 0..<14)
    func everyStep(_ loss: Loss, _ step: Int) throws {
        let world = try VirtualRendezvous.registered()
        world.run(for: .seconds(20))
        world.restartServer()
        // From before the loss is known until after the next registration.
        world.run(for: world.delay * step)
        switch loss {
        case .reset: world.resetLink()
        case .restart: world.restartServer(after: .milliseconds(5))
        case .silence:
            world.isSilent = true
            world.run(for: .seconds(1))
            world.isSilent = false
        }
        #expect(world.run(atMost: .seconds(60)) { $0.client.isRegistered })
        world.run(for: .seconds(60))
        #expect(world.client.isRegistered && world.failure == nil && world.client.link?.acknowledged == world.client.sequence)
    }

    @Test("before the first registration a loss is an error for who asks once, and waited out by who stays", arguments: 0..<6, [true, false])
    func first(_ step: Int, _ isPatient: Bool) throws {
        let world = try VirtualRendezvous(isPatient: isPatient)
        if step == 0 { world.isServerUp = false }
        world.give(.start)
        world.run(for: world.delay * step)
        world.isServerUp = false
        world.resetLink()
        world.run(for: .seconds(60))
        #expect((world.failure is TransportError) == !isPatient && world.toldLosses == 0)
        #expect(isPatient ? (6...20).contains(world.connects.count) && world.reasons.count == 1 : world.connects.count == 1)
        world.isServerUp = true
        #expect(world.run(atMost: .seconds(31)) { $0.client.isRegistered } == isPatient)
    }

    @Test(
        "attempts come ever more seldom, half a minute apart at most; a second where somebody waits",
        arguments: [(isMissed: false, longest: 30.0, first: 0.4995), (isMissed: true, longest: 1.0, first: 0.15)])
    func backoff(_ isMissed: Bool, _ longest: Double, _ first: Double) throws {
        let world = try VirtualRendezvous.registered()
        world.run(for: .seconds(20))
        world.give(.demandChanged(ServerDemand(isMissed: isMissed)))
        world.restartServer(after: .seconds(600))
        let gaps = zip(world.connects.dropFirst(), world.connects.dropFirst(2)).map { ($1 - $0) / .seconds(1) }
        #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $0 <= $1 + 0.001 })
        let refusal = (world.delay * 2) / .seconds(1)
        #expect(abs((gaps.last ?? 0) - longest - refusal) < 0.01, "\(gaps)")
        let loss = try #require(world.losses.first)
        #expect(world.losses.count == 1 && world.failedConnects.count == world.connects.count - 1 && world.reasons.isEmpty)
        #expect(abs((world.connects[1] - loss) / .seconds(1) - first) < 0.01)
        #expect(world.run(atMost: .seconds(longest + 1)) { $0.client.isRegistered })
    }

    @Test("the random number chooses from the whole span, and one from outside does no harm", arguments: [0, 0.25, 1, -5, 7, .infinity] as [Double])
    func jitter(_ jitter: Double) throws {
        let world = try VirtualRendezvous.registered()
        world.run(for: .seconds(20))
        world.jitter = jitter
        world.restartServer()
        #expect(world.run(atMost: .seconds(2)) { $0.connects.count == 2 })
        let pause = try #require(world.connects.last) - (try #require(world.losses.first))
        let part = min(max(jitter, 0), 1)
        #expect(abs(pause / .seconds(1) - 0.4995 * part) < 0.001)
    }

    @Test("a dial that begins while the peer waits has the next attempt made within a second")
    func demand() throws {
        let world = try VirtualRendezvous.registered()
        world.run(for: .seconds(20))
        world.restartServer(after: .seconds(600))
        world.isServerUp = false
        world.run(for: .seconds(5))
        let count = world.connects.count
        world.give(.demandChanged(ServerDemand(isMissed: true)))
        #expect(world.run(atMost: .seconds(1)) { $0.connects.count > count })
    }

    @Test("a link that is lost as soon as it is registered is not tried again and again at once")
    func flapping() throws {
        let world = try VirtualRendezvous.registered()
        let end = world.now + .seconds(600)
        while world.now < end {
            world.run(atMost: .seconds(40)) { $0.client.isRegistered }
            world.run(for: .milliseconds(100))
            world.resetLink()
            world.run(for: .milliseconds(1))
        }
        #expect(world.connects.count < 60, "\(world.connects.count)")
        // One that lasts makes up for it.
        world.run(for: .seconds(60))
        world.resetLink()
        #expect(world.run(atMost: .seconds(1)) { !$0.client.isRegistered } && world.run(atMost: .seconds(1)) { $0.client.isRegistered })
    }

    // MARK: Names

    @Test("the names are resolved at every reconnection, beside it, and what is new is tried at once")
    func names() throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.run(for: .seconds(20))
        // The server has moved: what listens at its old address is gone, and the resolver knows the new one.
        world.resolutionTime = .milliseconds(80)
        world.onResolved = { (world.isServerUp, world.resolution.isNew) = (true, true) }
        world.isServerUp = false
        world.resetLink()
        let loss = world.now
        #expect(world.run(atMost: .seconds(5)) { $0.client.isRegistered && $0.now > loss })
        #expect(world.resolutions.count == 2 && world.connects.count == 3)
        // It did not wait for the resolver, and then no longer for anything.
        #expect(world.resolutions[1] == world.connects[1] && world.connects[2] - world.resolutions[1] == .milliseconds(80))
    }

    @Test("a server that has moved without a word is found again within half a minute")
    func silentMove() throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.run(for: .seconds(20))
        world.onResolved = { world.isSilent = false }
        world.isSilent = true
        let move = world.now
        #expect(world.run(atMost: .seconds(60)) { !$0.client.isRegistered } && world.run(atMost: .seconds(60)) { $0.client.isRegistered })
        // Asked after 10 s, given up after 0.75 s, a connection that comes to nothing after 10 s.
        #expect(world.now - move < .seconds(22), "\(world.now - move)")
    }

    @Test("a resolver that hangs holds nothing up, and is not asked again meanwhile")
    func hangingResolver() throws {
        let world = try VirtualRendezvous.registered(hasNames: true)
        world.run(for: .seconds(20))
        world.resolutionTime = nil
        world.restartServer(after: .seconds(300))
        #expect(world.resolutions.count == 2 && world.connects.count > 10)
        #expect(world.connects[1] == world.resolutions[1])
        #expect(world.run(atMost: .seconds(31)) { $0.client.isRegistered })
    }

    @Test("an address is never resolved, and a name every 5 s at most")
    func bounds() throws {
        for hasNames in [false, true] {
            let world = try VirtualRendezvous.registered(hasNames: hasNames)
            world.give(.demandChanged(ServerDemand(isMissed: true)))
            world.restartServer(after: .seconds(100))
            #expect(hasNames ? (15...21).contains(world.resolutions.count) : world.resolutions.isEmpty, "\(world.resolutions.count)")
        }
    }

    // MARK: Networks

    @Test("a link whose address is gone is replaced at once, as soon as there is another address")
    func networkChange() throws {
        let world = try VirtualRendezvous.registered()
        let away = NetworkChange(isOtherNetwork: true, hasAddress: false, isLinkAddressGone: true)
        world.give(.networkChanged(away))
        #expect(world.connects.count == 1)
        let back = NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: true)
        world.give(.networkChanged(back))
        #expect(world.connects.count == 2 && world.losses.count == 1 && !world.client.isLinkUp)
        #expect(world.run(atMost: .milliseconds(200)) { $0.client.isRegistered })
        // One whose address is left stays.
        world.give(.networkChanged(NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: false)))
        #expect(world.client.isRegistered && world.connects.count == 2)
    }

    @Test("whatever the machine is at, a change of the network has it connect at once")
    func changeAnywhere() throws {
        let world = try VirtualRendezvous.registered()
        let change = NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: true)
        world.restartServer(after: .seconds(300))
        world.isServerUp = false
        world.run(for: .seconds(3))
        for _ in 0..<3 {
            let count = world.connects.count
            world.give(.networkChanged(change))
            #expect(world.connects.count == count + 1)
        }
        world.isServerUp = true
        #expect(world.run(atMost: .seconds(2)) { $0.client.isRegistered })
    }

    @Test("one slow handshake at most doubles the round trip, a change of the network begins anew")
    func roundTrip() throws {
        let world = try VirtualRendezvous.registered()
        func relink(taking time: Duration) {
            world.client.state = .connecting(since: world.now)
            world.client.handle(.linkUp(serverKeyHash: nil), at: world.now + time)
        }
        relink(taking: .seconds(8))
        #expect(world.client.roundTrip == .milliseconds(100))
        relink(taking: .milliseconds(30))
        #expect(world.client.roundTrip == .milliseconds(15))
        world.give(.networkChanged(NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: false)))
        relink(taking: .seconds(8))
        #expect(world.client.roundTrip == .seconds(4))
        world.give(.networkChanged(NetworkChange(isOtherNetwork: true, hasAddress: true, isLinkAddressGone: false)))
        relink(taking: .seconds(60))
        #expect(world.client.roundTrip == .seconds(8))
    }
}
