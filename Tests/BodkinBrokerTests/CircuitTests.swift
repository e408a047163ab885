import BodkinBroker
import BodkinCore
import BodkinProtocols
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("The broker's circuits")
struct CircuitTests {
    /// Two peers with a circuit between them.
    private func circuit(_ fixture: inout BrokerFixture) throws -> (dialer: BrokerFixture.Peer, called: BrokerFixture.Peer, attempt: AttemptID) {
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        _ = fixture.answer(called, attempt)
        return (dialer, called, attempt)
    }

    @Test("what the dialer sends before the Meet follows it")
    func ahead() throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.join()
        try fixture.register(dialer, binding: 1)
        _ = fixture.broker.takeActions()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        #expect(fixture.data(dialer, attempt, 10).isEmpty)
        #expect(fixture.data(dialer, attempt, 16_384).isEmpty)
        let actions = fixture.pass(.milliseconds(250))
        #expect(actions.relayed(to: called) == 16_394)
        #expect(actions.firstIndex { if case .relay = $0 { true } else { false } } == 2)
    }

    @Test("a side may send what the window holds, and one byte more ends the circuit and nothing else")
    func violation() throws {
        var limits = BrokerFixture.limits
        limits.circuitWindow = 20_000
        var fixture = BrokerFixture(limits: limits)
        let (dialer, called, attempt) = try circuit(&fixture)
        #expect(fixture.data(dialer, attempt, 16_384).relayed(to: called) == 16_384)
        #expect(fixture.data(dialer, attempt, 3_616).relayed(to: called) == 3_616)
        // The other direction has a window of its own.
        #expect(fixture.data(called, attempt, 10_000).relayed(to: dialer) == 10_000)
        let actions = fixture.data(dialer, attempt, 1)
        #expect(actions.closedCircuit(of: dialer) == .violation && actions.closedCircuit(of: called) == .violation)
        #expect(actions.failure(of: dialer) == nil)
        // What is still on its way is ignored; dialing goes on.
        #expect(fixture.data(called, attempt, 1).isEmpty)
        #expect(fixture.dial(dialer, called.id).meet(to: called) != nil)
    }

    @Test("pieces are at most 16 KiB")
    func piece() throws {
        var fixture = BrokerFixture()
        let (dialer, called, attempt) = try circuit(&fixture)
        #expect(fixture.data(dialer, attempt, 16_385).closedCircuit(of: called) == .violation)
    }

    @Test("credit is passed on and gives room; more than was sent is a violation")
    func credit() throws {
        var limits = BrokerFixture.limits
        (limits.circuitWindow, limits.largestCircuitWindow) = (1_000, 1_000)
        var fixture = BrokerFixture(limits: limits)
        let (dialer, called, attempt) = try circuit(&fixture)
        _ = fixture.data(dialer, attempt, 1_000)
        #expect(fixture.credit(called, attempt, 400).credited(to: dialer) == 400)
        #expect(fixture.data(dialer, attempt, 400).relayed(to: called) == 400)
        #expect(fixture.credit(called, attempt, 1_001).closedCircuit(of: called) == .violation)
        let (other, third, second) = try circuit(&fixture)
        #expect(fixture.credit(third, second, Int(UInt32.max)).closedCircuit(of: other) == .violation)
    }

    @Test("without early there is no circuit, and no such circuit is said so to strangers")
    func none() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let stranger = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt)
        #expect(fixture.data(dialer, attempt, 1).isEmpty)
        #expect(fixture.data(stranger, attempt, 1).closedCircuit(of: stranger) == .violation)
    }

    @Test("a circuit ends when either side says so or goes")
    func ends() throws {
        var fixture = BrokerFixture()
        let first = try circuit(&fixture)
        #expect(fixture.close(first.called, first.attempt).closedCircuit(of: first.dialer) == .finished)
        #expect(fixture.close(first.called, first.attempt).isEmpty)
        let second = try circuit(&fixture)
        #expect(fixture.leave(second.dialer).closedCircuit(of: second.called) == .peerGone)
        let third = try circuit(&fixture)
        #expect(fixture.leave(third.called).closedCircuit(of: third.dialer) == .peerGone)
        #expect(fixture.broker.statistics.circuits == 0)
    }

    @Test("a circuit outlives its attempt's minute, which ends with it")
    func long() throws {
        var fixture = BrokerFixture()
        let (dialer, called, attempt) = try circuit(&fixture)
        #expect(fixture.data(called, attempt, 1).relayed(to: dialer) == 1)
        #expect(fixture.pass(.hours(3)).isEmpty)
        #expect(fixture.data(dialer, attempt, 5).relayed(to: called) == 5)
        _ = fixture.close(dialer, attempt)
        _ = fixture.pass(.zero)
        #expect(fixture.signal(dialer, attempt).isEmpty)
    }

    @Test("ten thousand circuits on which the called side says nothing end with their minute")
    func halfFinished() throws {
        var quotas = Quotas()
        for quota in [\Quotas.token, \Quotas.address] {
            quotas[keyPath: quota].circuits = 10_000
            quotas[keyPath: quota].dialBurst = 10_000
        }
        var fixture = BrokerFixture(quotas: quotas)
        let (dialer, called) = (try fixture.resident(), try fixture.resident())
        for _ in 0..<10_000 {
            let attempt = AttemptID.random()
            _ = fixture.dial(dialer, called.id, attempt, early: "e")
            _ = fixture.answer(called, attempt)
        }
        #expect(fixture.broker.statistics.circuits == 10_000)
        #expect(fixture.pass(.seconds(59)).isEmpty)
        let actions = fixture.pass(.seconds(1))
        #expect(actions.count == 20_000 && actions.closedCircuit(of: dialer) == .finished && actions.closedCircuit(of: called) == .finished)
        #expect(fixture.broker.statistics.circuits == 0)
        _ = fixture.dial(dialer, called.id, early: "e")
        #expect(fixture.broker.statistics.circuits == 1)
    }

    @Test("a failed dial takes its circuit with it")
    func failed() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        #expect(fixture.broker.statistics.circuits == 1)
        let actions = fixture.answer(called, attempt, .declined)
        #expect(actions.contains(.dropCircuit(attempt, at: dialer.connection)))
        #expect(fixture.broker.statistics.circuits == 0)
    }

    @Test("no room for a circuit: the direct path is still tried")
    func quota() throws {
        var quotas = Quotas()
        quotas.address.circuits = 1
        var fixture = BrokerFixture(quotas: quotas)
        let (dialer, called, attempt) = try circuit(&fixture)
        let actions = fixture.dial(dialer, called.id, early: "e")
        #expect(actions.closedCircuit(of: dialer) == .quota)
        #expect(actions.meet(to: called)?.early.isEmpty == true)
        #expect(fixture.dial(dialer, called.id, early: "e", direct: false).failedDial(of: dialer) == .quota)
        _ = fixture.close(dialer, attempt)
        #expect(fixture.dial(dialer, called.id, early: "e").closedCircuit(of: dialer) == nil)
    }

    @Test("a byte quota slows a circuit down by holding its credit")
    func slowed() throws {
        var quotas = Quotas()
        quotas.address.relayedBytesPerSecond = 10_000
        var fixture = BrokerFixture(quotas: quotas)
        let (dialer, called, attempt) = try circuit(&fixture)
        // A second's worth at once, then as the time passes.
        #expect(fixture.data(dialer, attempt, 10_000).relayed(to: called) == 10_000)
        #expect(fixture.credit(called, attempt, 10_000).credited(to: dialer) == 10_000)
        #expect(fixture.data(dialer, attempt, 5_000).relayed(to: called) == 5_000)
        #expect(fixture.credit(called, attempt, 3_000).isEmpty)
        #expect(fixture.credit(called, attempt, 2_000).isEmpty)
        #expect(fixture.pass(.milliseconds(490)).isEmpty)
        #expect(fixture.pass(.milliseconds(11)).credited(to: dialer) == 5_000)
    }

    /// Messages about a circuit that does not exist.
    enum Stray: CaseIterable, Sendable {
        case data, emptyData, credit, close

        func send(_ fixture: inout BrokerFixture, _ id: ConnectionID, _ attempt: AttemptID) {
            let attempt = Data(attempt.bytes)
            switch self {
            case .data: fixture.broker.relay(id, .with { ($0.attempt, $0.data) = (attempt, Data(count: 9)) }, now: fixture.now)
            case .emptyData: fixture.broker.relay(id, .with { $0.attempt = attempt }, now: fixture.now)
            case .credit: fixture.broker.credit(id, .with { ($0.attempt, $0.bytes) = (attempt, 1) }, now: fixture.now)
            case .close: fixture.broker.close(id, .with { $0.attempt = attempt }, now: fixture.now)
            }
        }
    }

    /// Why there is no circuit.
    enum Absence: CaseIterable, Sendable {
        case noAttempt, directOnly, closedByRemote, closedHere, violated

        /// An attempt of two peers that has no circuit, or none at all.
        func attempt(_ fixture: inout BrokerFixture, _ dialer: BrokerFixture.Peer, _ called: BrokerFixture.Peer) -> AttemptID {
            let attempt = AttemptID.random()
            guard self != .noAttempt else { return attempt }
            _ = fixture.dial(dialer, called.id, attempt, early: self == .directOnly ? "" : "e")
            _ = fixture.answer(called, attempt)
            switch self {
            case .noAttempt, .directOnly: break
            case .closedByRemote: _ = fixture.close(called, attempt)
            case .closedHere: _ = fixture.close(dialer, attempt)
            case .violated: _ = fixture.credit(called, attempt, 1)
            }
            return attempt
        }
    }

    @Test(
        "some messages may cross the end of a circuit, and a peer that sends no others ends its own connection", arguments: Stray.allCases,
        Absence.allCases)
    func strays(_ stray: Stray, _ absence: Absence) throws {
        var limits = BrokerFixture.limits
        (limits.circuitWindow, limits.largestCircuitWindow) = (1_000, 1_000)
        var fixture = BrokerFixture(limits: limits)
        let (peer, other, called) = (try fixture.resident(), try fixture.resident(), try fixture.resident())
        var attempt = absence.attempt(&fixture, peer, called)
        _ = fixture.broker.takeActions()
        func failures() -> [ConnectionID] {
            fixture.broker.takeActions().compactMap { if case .fail(.quota, _, let id) = $0 { id } else { nil } }
        }
        for _ in 0..<10_000 { stray.send(&fixture, peer.connection, attempt) }
        #expect(failures().isEmpty)
        // The bucket is full again, and the attempt is another one: an attempt lasts for a minute.
        _ = fixture.pass(.seconds(70))
        attempt = absence.attempt(&fixture, peer, called)
        for _ in 0..<16_384 { stray.send(&fixture, peer.connection, attempt) }
        #expect(failures().isEmpty)
        stray.send(&fixture, other.connection, attempt)
        // What the window of the circuit had room for was free.
        for _ in 0...1_000 { stray.send(&fixture, peer.connection, attempt) }
        #expect(Set(failures()) == [peer.connection])
    }

    /// How the remote peer ends a circuit.
    enum RemoteEnd: CaseIterable, Sendable {
        case closes, closesLate, leaves, violates, cancels

        func end(_ fixture: inout BrokerFixture, _ remote: BrokerFixture.Peer, _ attempt: AttemptID) {
            switch self {
            case .closes: _ = fixture.close(remote, attempt)
            case .closesLate:
                // The attempt has outlived its minute, and ends with the circuit.
                _ = fixture.pass(.seconds(70))
                _ = fixture.close(remote, attempt)
                _ = fixture.pass(.zero)
            case .leaves: _ = fixture.leave(remote)
            case .violates: _ = fixture.credit(remote, attempt, Int(UInt32.max))
            case .cancels: _ = fixture.cancel(remote, attempt)
            }
        }
    }

    @Test("what is on its way when the remote peer ends circuits costs a peer nothing, however small its pieces are", arguments: RemoteEnd.allCases)
    func crossing(_ end: RemoteEnd) throws {
        var limits = BrokerFixture.limits
        limits.circuitWindow = 10_000
        var fixture = BrokerFixture(limits: limits)
        let peer = try fixture.resident()
        var remotes: [(BrokerFixture.Peer, AttemptID)] = []
        for _ in 0..<4 {
            let (remote, attempt) = (try fixture.resident(), AttemptID.random())
            _ = fixture.dial(remote, peer.id, attempt, early: "e")
            if end != .cancels { _ = fixture.data(peer, attempt, 1) }
            remotes.append((remote, attempt))
        }
        for (remote, attempt) in remotes { end.end(&fixture, remote, attempt) }
        for (_, attempt) in remotes {
            for _ in 0..<9_999 { #expect(fixture.data(peer, attempt, 1).failure(of: peer) == nil) }
        }
    }
}
