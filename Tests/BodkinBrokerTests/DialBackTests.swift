import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's dial-backs")
struct DialBackTests {
    private static let endpoint = Endpoint(BrokerFixture.source, 4000)
    private static let arrival = IPAddress(v4: 0xC633_6401)

    private static func ask(_ fixture: inout BrokerFixture, _ peer: BrokerFixture.Peer) -> [BrokerAction] {
        fixture.broker.dialBack(peer.connection, now: fixture.now)
        return fixture.broker.takeActions()
    }

    /// Where the server is to connect to; nil where nowhere.
    private static func targets(_ actions: [BrokerAction]) -> [DialBackTarget]? {
        actions.lazy.compactMap { if case .dialBack(let targets, _) = $0 { targets } else { nil } }.first
    }

    private static func answer(_ actions: [BrokerAction]) -> WireDialedBack? {
        actions.lazy.compactMap { if case .send(.dialedBack(let answer), _) = $0 { answer } else { nil } }.first
    }

    @Test("go to where the newest proved connection of each family comes from")
    func newest() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        let sixth = Endpoint(IPAddress(v6High: 0x2001_0db8_0000_0000, low: 1), 5000)
        for (number, endpoint) in [Endpoint(BrokerFixture.source, 3999), Self.endpoint, sixth].enumerated() {
            fixture.broker.prove(BindingID(UInt64(number)), peer.connection, endpoint: endpoint, at: Self.arrival, now: fixture.now)
        }
        let targets = Self.targets(Self.ask(&fixture, peer))
        #expect(targets == [DialBackTarget(Self.endpoint, arrival: Self.arrival), DialBackTarget(sixth, arrival: Self.arrival)])
    }

    @Test("go nowhere without a proved connection of one's own, or once it is gone, and that costs nothing")
    func none() throws {
        var fixture = BrokerFixture()
        let (peer, other) = (try fixture.resident(), try fixture.resident())
        fixture.broker.prove(BindingID(1), other.connection, endpoint: Self.endpoint, now: fixture.now)
        for _ in 0..<20 {
            let actions = Self.ask(&fixture, peer)
            #expect(Self.targets(actions) == nil)
            #expect(Self.answer(actions)?.results.isEmpty == true && Self.answer(actions)?.quota == false)
        }
        fixture.broker.prove(BindingID(2), peer.connection, endpoint: Self.endpoint, now: fixture.now)
        #expect(Self.targets(Self.ask(&fixture, peer))?.count == 1)
        fixture.broker.bindingClosed(BindingID(2))
        #expect(Self.targets(Self.ask(&fixture, peer)) == nil)
    }

    @Test("there are two at once and two a minute, and then the answer says so")
    func bounded() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        fixture.broker.prove(BindingID(1), peer.connection, endpoint: Self.endpoint, now: fixture.now)
        func count() -> Int { (0..<50).count { _ in Self.targets(Self.ask(&fixture, peer)) != nil } }
        #expect(count() == 2)
        #expect(Self.answer(Self.ask(&fixture, peer))?.quota == true)
        _ = fixture.pass(.seconds(31))
        #expect(count() == 1)
        _ = fixture.pass(.minutes(10))
        #expect(count() == 2)
    }

    @Test("count as dials, so that whoever registers anew has no more of them")
    func reregistered() throws {
        var quota = Quota(connections: 100, registrations: 100, dialsPerSecond: 0, dialBurst: 3, circuits: 0, relayedBytesPerSecond: 0)
        quota.circuits = 1
        var fixture = BrokerFixture(quotas: Quotas(everyone: quota))
        var count = 0
        for number in 1...10 as ClosedRange<UInt64> {
            let peer = try fixture.resident()
            fixture.broker.prove(BindingID(number), peer.connection, endpoint: Self.endpoint, now: fixture.now)
            if Self.targets(Self.ask(&fixture, peer)) != nil { count += 1 }
            _ = fixture.leave(peer)
        }
        #expect(count == 3)
    }

    @Test("are nobody's who has not registered")
    func unregistered() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.join()
        #expect(Self.ask(&fixture, peer).failure(of: peer) == .protocol)
    }
}
