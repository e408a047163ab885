import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@Suite("The broker's help for sessions without a path")
struct RecallTests {
    private static func recall(_ peer: Town.Peer, session: Int = 16) -> WireRecall {
        var recall = WireRecall()
        recall.peer = Data(peer.id.publicKey)
        recall.instance = Data(peer.instance.bytes)
        recall.session = Data(repeating: 9, count: session)
        recall.generation = 3
        return recall
    }

    private static func recalls(_ actions: [BrokerAction], to peer: Town.Peer) -> [WireRecall] {
        actions.compactMap { if case .send(.recall(let recall), peer.connection) = $0 { recall } else { nil } }
    }

    @Test("a recall reaches the instance that it names, and says whose it is")
    func passed() throws {
        var town = Town()
        let identity = try Identity.create()
        let (old, new) = (try town.resident(identity), try town.resident(identity))
        let asker = try town.resident(admission: .nobody)
        for target in [old, new] {
            town.broker.recall(asker.connection, Self.recall(target), now: town.now)
            let passed = Self.recalls(town.broker.takeActions(), to: target)
            #expect(passed.count == 1 && passed[0].peer.elementsEqual(asker.id.publicKey) && passed[0].instance.elementsEqual(asker.instance.bytes))
            #expect(passed[0].session == Data(repeating: 9, count: 16) && passed[0].generation == 3)
        }
    }

    @Test("one too many is dropped, and nobody learns who is there")
    func bounded() throws {
        var town = Town()
        let (asker, target) = (try town.resident(), try town.resident())
        for _ in 0..<300 { town.broker.recall(asker.connection, Self.recall(target), now: town.now) }
        #expect(Self.recalls(town.broker.takeActions(), to: target).count == 256)
        town.now = town.now + .seconds(1)
        let stranger = try town.join()
        town.broker.recall(asker.connection, Self.recall(stranger), now: town.now)
        #expect(town.broker.takeActions().isEmpty)
        // Another's key with this instance.
        var wrong = Self.recall(target)
        wrong.peer = Data(stranger.id.publicKey)
        town.broker.recall(asker.connection, wrong, now: town.now)
        #expect(town.broker.takeActions().isEmpty)
    }

    @Test("what is no recall ends the connection of whoever sends it")
    func malformed() throws {
        var town = Town()
        let (asker, target) = (try town.resident(), try town.resident())
        town.broker.recall(asker.connection, Self.recall(target, session: 3), now: town.now)
        let stranger = try town.join()
        town.broker.recall(stranger.connection, Self.recall(target), now: town.now)
        let failures = town.broker.takeActions().compactMap { if case .fail(let code, _, let id) = $0 { (code, id) } else { nil } }
        #expect(failures.map(\.0) == [.protocol, .protocol] && failures.map(\.1) == [asker.connection, stranger.connection])
    }

    @Test("a dial that names an instance reaches that one or none")
    func instance() throws {
        var town = Town()
        let identity = try Identity.create()
        let (old, new) = (try town.resident(identity), try town.resident(identity))
        let dialer = try town.resident()
        func dial(_ instance: InstanceID, _ town: inout Town) -> [BrokerAction] {
            var dial = WireDial()
            dial.to = Data(identity.peerID.publicKey)
            dial.attempt = Data(AttemptID.random().bytes)
            dial.direct = true
            dial.instance = Data(instance.bytes)
            town.broker.dial(dialer.connection, dial, now: town.now)
            return town.broker.takeActions()
        }
        #expect(dial(old.instance, &town).meet(to: old) != nil)
        #expect(dial(new.instance, &town).meet(to: new) != nil)
        #expect(dial(.random(), &town).failedDial(of: dialer) == .unavailable)
        // Another peer's instance is not this peer's.
        let other = try town.resident()
        #expect(dial(other.instance, &town).failedDial(of: dialer) == .unavailable)
    }
}
