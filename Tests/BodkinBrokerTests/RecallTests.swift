import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@Suite("The broker's help for sessions without a path")
struct RecallTests {
    private static func recall(_ peer: BrokerFixture.Peer, session: Int = 16) -> WireRecall {
        var recall = WireRecall()
        recall.peer = Data(peer.id.publicKey)
        recall.instance = Data(peer.instance.bytes)
        recall.session = Data(repeating: 9, count: session)
        recall.generation = 3
        return recall
    }

    private static func recalls(_ actions: [BrokerAction], to peer: BrokerFixture.Peer) -> [WireRecall] {
        actions.compactMap { if case .send(.recall(let recall), peer.connection) = $0 { recall } else { nil } }
    }

    @Test("a recall reaches the instance that it names, and says whose it is")
    func passed() throws {
        var fixture = BrokerFixture()
        let identity = try Identity.create()
        let (old, new) = (try fixture.resident(identity), try fixture.resident(identity))
        let asker = try fixture.resident(admission: .nobody)
        for target in [old, new] {
            fixture.broker.recall(asker.connection, Self.recall(target), now: fixture.now)
            let passed = Self.recalls(fixture.broker.takeActions(), to: target)
            #expect(passed.count == 1 && passed[0].peer.elementsEqual(asker.id.publicKey) && passed[0].instance.elementsEqual(asker.instance.bytes))
            #expect(passed[0].session == Data(repeating: 9, count: 16) && passed[0].generation == 3)
        }
    }

    @Test("one too many is dropped, and nobody learns who is there")
    func bounded() throws {
        var fixture = BrokerFixture()
        let (asker, target) = (try fixture.resident(), try fixture.resident())
        for _ in 0..<300 { fixture.broker.recall(asker.connection, Self.recall(target), now: fixture.now) }
        #expect(Self.recalls(fixture.broker.takeActions(), to: target).count == 256)
        fixture.now = fixture.now + .seconds(1)
        let stranger = try fixture.join()
        fixture.broker.recall(asker.connection, Self.recall(stranger), now: fixture.now)
        #expect(fixture.broker.takeActions().isEmpty)
        // Another's key with this instance.
        var wrong = Self.recall(target)
        wrong.peer = Data(stranger.id.publicKey)
        fixture.broker.recall(asker.connection, wrong, now: fixture.now)
        #expect(fixture.broker.takeActions().isEmpty)
    }

    @Test("what is no recall ends the connection of whoever sends it")
    func malformed() throws {
        var fixture = BrokerFixture()
        let (asker, target) = (try fixture.resident(), try fixture.resident())
        fixture.broker.recall(asker.connection, Self.recall(target, session: 3), now: fixture.now)
        let stranger = try fixture.join()
        fixture.broker.recall(stranger.connection, Self.recall(target), now: fixture.now)
        let failures = fixture.broker.takeActions().compactMap { if case .fail(let code, _, let id) = $0 { (code, id) } else { nil } }
        #expect(failures.map(\.0) == [.protocol, .protocol] && failures.map(\.1) == [asker.connection, stranger.connection])
    }

    @Test("a dial that names an instance reaches that one or none")
    func instance() throws {
        var fixture = BrokerFixture()
        let identity = try Identity.create()
        let (old, new) = (try fixture.resident(identity), try fixture.resident(identity))
        let dialer = try fixture.resident()
        func dial(_ instance: InstanceID, _ fixture: inout BrokerFixture) -> [BrokerAction] {
            var dial = WireDial()
            dial.to = Data(identity.peerID.publicKey)
            dial.attempt = Data(AttemptID.random().bytes)
            dial.direct = true
            dial.instance = Data(instance.bytes)
            fixture.broker.dial(dialer.connection, dial, now: fixture.now)
            return fixture.broker.takeActions()
        }
        #expect(dial(old.instance, &fixture).meet(to: old) != nil)
        #expect(dial(new.instance, &fixture).meet(to: new) != nil)
        #expect(dial(.random(), &fixture).failedDial(of: dialer) == .unavailable)
        // Another peer's instance is not this peer's.
        let other = try fixture.resident()
        #expect(dial(other.instance, &fixture).failedDial(of: dialer) == .unavailable)
    }
}
