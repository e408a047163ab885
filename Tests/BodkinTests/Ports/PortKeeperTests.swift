import BodkinCore
import BodkinSystem
import Testing

@testable import Bodkin

/// The reserved port, its mappings, and the ports of single dials, in virtual time.
@Suite("port keeper")
struct PortKeeperTests {
    /// A keeper with what it asked for.
    struct Bench: ~Copyable {
        var keeper: PortKeeper
        var now = Instant.start
        /// What was asked for and not looked at yet.
        var actions: [PortKeeper.Action] = []

        init(_ number: UInt16 = 0, routes: [PortKeeper.Route] = [PortKeeperTests.route()]) {
            keeper = PortKeeper(number)
            handle(.routes(routes, AttachmentRelevanceTests.plain))
            handle(.start)
        }

        mutating func handle(_ input: PortKeeper.Input, after time: Duration = .zero) {
            now = now + time
            keeper.handle(input, at: now)
            while let action = keeper.nextAction() { actions.append(action) }
        }

        /// Forgets what was asked for, and returns it.
        mutating func take() -> [PortKeeper.Action] {
            defer { actions = [] }
            return actions
        }

        /// The port that was asked for comes about; returns what that leads to.
        mutating func open() throws -> (id: PortKeeper.PortID, actions: [PortKeeper.Action]) {
            let id = try #require(take().lazy.compactMap { if case .open(let id, _) = $0 { id } else { nil } }.first)
            handle(.opened(id, families: [.v4, .v6]))
            return (id, actions)
        }

        /// The binding that was asked for comes about.
        mutating func observe(_ port: UInt16 = 6000) throws -> PortKeeper.BindingID {
            let id = try #require(take().lazy.compactMap { if case .bind(let id, _, _) = $0 { id } else { nil } }.first)
            handle(.bindingConnected(id, local: IPAddress("192.168.1.2")))
            handle(.bindingObserved(id, Endpoint(IPAddress(v4: 0xCB00_7101), port)))
            return id
        }

        /// The reserved port, seen by the server.
        mutating func settle() throws -> (port: PortKeeper.PortID, binding: PortKeeper.BindingID) {
            let port = try open().id
            let binding = try observe()
            _ = take()
            return (port, binding)
        }
    }

    static func route(_ server: String = "198.51.100.1:3478", by interface: String? = nil) -> PortKeeper.Route {
        PortKeeper.Route(server: Endpoint(server) ?? Endpoint(.unspecified(.v4), 0), interface: interface)
    }

    /// The ports that were asked for.
    private static func opened(_ actions: [PortKeeper.Action]) -> Int { actions.count { if case .open = $0 { true } else { false } } }
    private static func bound(_ actions: [PortKeeper.Action]) -> Int { actions.count { if case .bind = $0 { true } else { false } } }

    // MARK: The reserved port

    @Test("the chosen port is opened, bound by each way, and there")
    func begins() throws {
        let routes = [Self.route(by: "eth0"), Self.route(by: "wwan0"), Self.route("[2001:db8::1]:3478"), Self.route(by: "eth0")]
        var bench = Bench(5000, routes: routes)
        guard case .open(let id, 5000)? = bench.actions.first else { return #expect(Bool(false), "\(bench.actions)") }
        bench.handle(.opened(id, families: [.v4]))
        // The family that the port was not bound in has no binding.
        #expect(Self.bound(bench.actions) == 2)
        #expect(bench.take().last == .reserved && bench.keeper.reserved == id)
    }

    @Test("a first port that cannot be had is the end of the peer")
    func fails() throws {
        var bench = Bench(5000)
        guard case .open(let id, _)? = bench.take().first else { return #expect(Bool(false)) }
        bench.handle(.openFailed(id))
        #expect(bench.actions == [.fail])
    }

    @Test("a mapping that is lost is replaced by that of a fresh port, and the former one goes on listening")
    func rotates() throws {
        var bench = Bench()
        let (former, binding) = try bench.settle()
        bench.handle(.bindingLost(binding), after: .seconds(60))
        #expect(bench.keeper.reserved == former, "until the other one is there")
        #expect(bench.actions.last == .unmapped)
        let (fresh, actions) = try bench.open()
        #expect(bench.keeper.reserved == fresh)
        #expect(actions.first == .replaced && Self.bound(actions) == 1)
        #expect(!actions.contains(.close(former)))
        _ = try bench.observe(6001)
        #expect(bench.actions == [.mapped])
        #expect(bench.keeper.observed(of: fresh).map(\.port) == [6001])
    }

    @Test("a chosen port is kept: its binding is made again after a pause, ever more seldom")
    func chosen() throws {
        var bench = Bench(5000)
        var (_, binding) = try bench.settle()
        bench.handle(.bindingLost(binding), after: .seconds(60))
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            #expect(bench.keeper.deadline == bench.now + .seconds(pause))
            #expect(Self.opened(bench.take()) == 0)
            bench.handle(.timeout, after: .seconds(pause))
            guard case .bind(let id, _, _)? = bench.take().first else { return #expect(Bool(false)) }
            binding = id
            bench.handle(.bindingLost(binding))
        }
    }

    @Test("two former ports listen at most, and eight of their bindings are kept")
    func formers() throws {
        let routes = ["a", "b", "c", "d"].map { Self.route(by: $0) }
        var bench = Bench(routes: routes)
        var ports = try [bench.open().id]
        var released = 0
        for _ in 0..<6 {
            let ids = bench.take().compactMap { if case .bind(let id, _, _) = $0 { id } else { nil } }
            for id in ids { bench.handle(.bindingObserved(id, Endpoint(IPAddress(v4: 1), 1)), after: .seconds(10)) }
            bench.handle(.bindingLost(try #require(ids.first)))
            ports.append(try bench.open().id)
            released += bench.actions.count { if case .release = $0 { true } else { false } }
            for port in ports.dropLast(3) { #expect(bench.keeper.bindings(of: port).count <= 3) }
        }
        #expect(bench.keeper.ports.count == 3)
        // Each of six ports has left three bindings; eight are there, and four of the present port.
        #expect(released == 10 && bench.keeper.bindings.count == 12)
    }

    @Test("mappings that are lost as soon as they are there are not replaced without a pause")
    func flapping() throws {
        var bench = Bench()
        var binding = try bench.settle().binding
        var times: [Duration] = []
        while times.count < 8 {
            bench.handle(.bindingLost(binding), after: .milliseconds(100))
            if Self.opened(bench.actions) == 0 {
                guard let deadline = bench.keeper.deadline else { return #expect(Bool(false), "nothing is due") }
                bench.handle(.timeout, after: deadline - bench.now)
            }
            times.append(bench.now.sinceStart)
            _ = try bench.open()
            binding = try bench.observe()
        }
        let pauses = zip(times, times.dropFirst()).map { $1 - $0 - .milliseconds(100) }
        #expect(pauses == [.zero, .zero, .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16)])
    }

    @Test("what leaves from an address that is gone, or has not come through, is made anew at once")
    func leaves() throws {
        var bench = Bench(routes: [Self.route(), Self.route("[2001:db8::1]:3478")])
        _ = try bench.open()
        let ids = bench.take().compactMap { if case .bind(let id, _, _) = $0 { id } else { nil } }
        #expect(ids.count == 2)
        bench.handle(.bindingConnected(ids[0], local: IPAddress("192.168.1.2")))
        bench.handle(.bindingObserved(ids[0], Endpoint(IPAddress(v4: 1), 1)))
        _ = bench.take()
        let plain = AttachmentRelevanceTests.plain
        let there = Set(["192.168.1.2"].compactMap { IPAddress($0) })
        bench.handle(.networkChanged(assigned: there, bench.keeper.routes, plain))
        #expect(bench.actions.first == .abandon(ids[1]) && bench.actions.count == 2 && Self.bound(bench.take()) == 1)
        bench.handle(.networkChanged(assigned: [], bench.keeper.routes, plain))
        #expect(bench.actions.contains(.abandon(ids[0])) && Self.bound(bench.actions) == 2)
        #expect(Self.opened(bench.actions) == 0, "the port itself is as it was")
    }

    @Test("mappings in doubt are verified, those that are there")
    func doubted() throws {
        var bench = Bench()
        let (_, binding) = try bench.settle()
        bench.handle(.mappingsDoubted(isUrgent: true))
        #expect(bench.take() == [.verify(binding, isUrgent: true)])
        bench.handle(.bindingLost(binding))
        _ = bench.take()
        bench.handle(.mappingsDoubted(isUrgent: false))
        #expect(bench.actions.isEmpty)
    }

    // MARK: Ports of single dials

    @Test("what one dial meets with concerns it alone: it has a port of its own, as long as it lasts")
    func ofDial() throws {
        var bench = Bench()
        let (reserved, _) = try bench.settle()
        let (dial, other) = (AttemptID.random(), AttemptID.random())
        bench.handle(.otherPortNeeded(dial))
        let (own, actions) = try bench.open()
        #expect(actions.first == .dialPortOpened(dial) && Self.bound(actions) == 1)
        #expect(!actions.contains(.replaced) && bench.keeper.reserved == reserved)
        #expect(bench.keeper.port(for: dial) == own && bench.keeper.port(for: other) == reserved)
        let binding = try bench.observe(7000)
        #expect(bench.take() == [.dialPortMapped(dial)], "the server hears nothing of it, nor do others")
        // Once for each dial.
        bench.handle(.otherPortNeeded(dial))
        #expect(bench.actions.isEmpty)
        bench.handle(.dialEnded(dial))
        #expect(bench.take() == [.close(own), .release(binding)])
        #expect(bench.keeper.port(for: dial) == reserved)
    }

    @Test("four dials at most have a port of their own, and no dial has one beside a chosen port")
    func limited() throws {
        var bench = Bench()
        _ = try bench.settle()
        let dials = (0..<6).map { _ in AttemptID.random() }
        for dial in dials { bench.handle(.otherPortNeeded(dial)) }
        #expect(Self.opened(bench.take()) == PortKeeper.dialPortLimit)
        bench.handle(.dialEnded(dials[0]))
        bench.handle(.otherPortNeeded(dials[5]))
        #expect(Self.opened(bench.take()) == 1, "there is room again")
        var chosen = Bench(5000)
        _ = try chosen.settle()
        chosen.handle(.otherPortNeeded(dials[0]))
        #expect(chosen.actions.isEmpty)
    }

    @Test("a dial that is over before its port is there has none")
    func late() throws {
        var bench = Bench()
        _ = try bench.settle()
        let dial = AttemptID.random()
        bench.handle(.otherPortNeeded(dial))
        let asked = bench.actions
        bench.handle(.dialEnded(dial))
        bench.actions = asked
        let (id, actions) = try bench.open()
        #expect(actions == [.close(id)])
    }

    @Test("the mapping of a dial's port that is lost is not replaced, nor is the reserved port")
    func lostOfDial() throws {
        var bench = Bench()
        let (reserved, _) = try bench.settle()
        bench.handle(.otherPortNeeded(.random()))
        _ = try bench.open()
        let binding = try bench.observe(7000)
        _ = bench.take()
        bench.handle(.bindingLost(binding))
        #expect(bench.actions.isEmpty && bench.keeper.reserved == reserved && bench.keeper.deadline == nil)
    }
}
