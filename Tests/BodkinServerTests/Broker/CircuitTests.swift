import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's circuits")
struct CircuitTests {
    /// Two peers with a circuit between them.
    private func circuit(_ town: inout Town) throws -> (dialler: Town.Peer, called: Town.Peer, attempt: AttemptID) {
        let dialler = try town.resident()
        let called = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialler, called.id, attempt, early: "e")
        _ = town.answer(called, attempt)
        return (dialler, called, attempt)
    }

    @Test("what the dialler sends before the Meet follows it")
    func ahead() throws {
        var town = Town()
        let called = try town.resident()
        let dialler = try town.join()
        try town.register(dialler, warm: 1)
        _ = town.broker.takeActions()
        let attempt = AttemptID.random()
        _ = town.dial(dialler, called.id, attempt, early: "e")
        #expect(town.data(dialler, attempt, 10).isEmpty)
        #expect(town.data(dialler, attempt, 16_384).isEmpty)
        let actions = town.pass(.milliseconds(250))
        #expect(actions.relayed(to: called) == 16_394)
        #expect(actions.firstIndex { if case .relay = $0 { true } else { false } } == 2)
    }

    @Test("a side may send what the window holds, and one byte more ends the circuit and nothing else")
    func violation() throws {
        var limits = BrokerLimits()
        limits.circuitWindow = 20_000
        var town = Town(limits: limits)
        let (dialler, called, attempt) = try circuit(&town)
        #expect(town.data(dialler, attempt, 16_384).relayed(to: called) == 16_384)
        #expect(town.data(dialler, attempt, 3_616).relayed(to: called) == 3_616)
        // The other direction has a window of its own.
        #expect(town.data(called, attempt, 10_000).relayed(to: dialler) == 10_000)
        let actions = town.data(dialler, attempt, 1)
        #expect(actions.closedCircuit(of: dialler) == .violation && actions.closedCircuit(of: called) == .violation)
        #expect(actions.failure(of: dialler) == nil)
        // What is still on its way is ignored; dialling goes on.
        #expect(town.data(called, attempt, 1).isEmpty)
        #expect(town.dial(dialler, called.id).meet(to: called) != nil)
    }

    @Test("pieces are at most 16 KiB")
    func piece() throws {
        var town = Town()
        let (dialler, called, attempt) = try circuit(&town)
        #expect(town.data(dialler, attempt, 16_385).closedCircuit(of: called) == .violation)
    }

    @Test("credit is passed on and gives room; more than was sent is a violation")
    func credit() throws {
        var limits = BrokerLimits()
        limits.circuitWindow = 1_000
        var town = Town(limits: limits)
        let (dialler, called, attempt) = try circuit(&town)
        _ = town.data(dialler, attempt, 1_000)
        #expect(town.credit(called, attempt, 400).credited(to: dialler) == 400)
        #expect(town.data(dialler, attempt, 400).relayed(to: called) == 400)
        #expect(town.credit(called, attempt, 1_001).closedCircuit(of: called) == .violation)
        let (other, third, second) = try circuit(&town)
        #expect(town.credit(third, second, Int(UInt32.max)).closedCircuit(of: other) == .violation)
    }

    @Test("without early there is no circuit, and no such circuit is said so to strangers")
    func none() throws {
        var town = Town()
        let dialler = try town.resident()
        let called = try town.resident()
        let stranger = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialler, called.id, attempt)
        #expect(town.data(dialler, attempt, 1).isEmpty)
        #expect(town.data(stranger, attempt, 1).closedCircuit(of: stranger) == .violation)
    }

    @Test("a circuit ends when either side says so or goes")
    func ends() throws {
        var town = Town()
        let first = try circuit(&town)
        #expect(town.close(first.called, first.attempt).closedCircuit(of: first.dialler) == .finished)
        #expect(town.close(first.called, first.attempt).isEmpty)
        let second = try circuit(&town)
        #expect(town.leave(second.dialler).closedCircuit(of: second.called) == .peerGone)
        let third = try circuit(&town)
        #expect(town.leave(third.called).closedCircuit(of: third.dialler) == .peerGone)
        #expect(town.broker.statistics.circuits == 0)
    }

    @Test("a circuit outlives its attempt's minute, which ends with it")
    func long() throws {
        var town = Town()
        let (dialler, called, attempt) = try circuit(&town)
        #expect(town.data(called, attempt, 1).relayed(to: dialler) == 1)
        #expect(town.pass(.hours(3)).isEmpty)
        #expect(town.data(dialler, attempt, 5).relayed(to: called) == 5)
        _ = town.close(dialler, attempt)
        _ = town.pass(.zero)
        #expect(town.signal(dialler, attempt).isEmpty)
    }

    @Test("ten thousand circuits on which the called side says nothing end with their minute")
    func halfFinished() throws {
        var quotas = Quotas()
        for quota in [\Quotas.token, \Quotas.address] {
            quotas[keyPath: quota].circuits = 10_000
            quotas[keyPath: quota].dialBurst = 10_000
        }
        var town = Town(quotas: quotas)
        let (dialler, called) = (try town.resident(), try town.resident())
        for _ in 0..<10_000 {
            let attempt = AttemptID.random()
            _ = town.dial(dialler, called.id, attempt, early: "e")
            _ = town.answer(called, attempt)
        }
        #expect(town.broker.statistics.circuits == 10_000)
        #expect(town.pass(.seconds(59)).isEmpty)
        let actions = town.pass(.seconds(1))
        #expect(actions.count == 20_000 && actions.closedCircuit(of: dialler) == .finished && actions.closedCircuit(of: called) == .finished)
        #expect(town.broker.statistics.circuits == 0)
        _ = town.dial(dialler, called.id, early: "e")
        #expect(town.broker.statistics.circuits == 1)
    }

    @Test("a failed dial takes its circuit with it")
    func failed() throws {
        var town = Town()
        let dialler = try town.resident()
        let called = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialler, called.id, attempt, early: "e")
        #expect(town.broker.statistics.circuits == 1)
        let actions = town.answer(called, attempt, .declined)
        #expect(actions.contains(.dropCircuit(attempt, at: dialler.connection)))
        #expect(town.broker.statistics.circuits == 0)
    }

    @Test("no room for a circuit: the direct path is still tried")
    func quota() throws {
        var quotas = Quotas()
        quotas.address.circuits = 1
        var town = Town(quotas: quotas)
        let (dialler, called, attempt) = try circuit(&town)
        let actions = town.dial(dialler, called.id, early: "e")
        #expect(actions.closedCircuit(of: dialler) == .quota)
        #expect(actions.meet(to: called)?.early.isEmpty == true)
        #expect(town.dial(dialler, called.id, early: "e", direct: false).failedDial(of: dialler) == .quota)
        _ = town.close(dialler, attempt)
        #expect(town.dial(dialler, called.id, early: "e").closedCircuit(of: dialler) == nil)
    }

    @Test("a byte quota slows a circuit down by holding its credit")
    func slowed() throws {
        var quotas = Quotas()
        quotas.address.relayedBytesPerSecond = 10_000
        var town = Town(quotas: quotas)
        let (dialler, called, attempt) = try circuit(&town)
        // A second's worth at once, then as the time passes.
        #expect(town.data(dialler, attempt, 10_000).relayed(to: called) == 10_000)
        #expect(town.credit(called, attempt, 10_000).credited(to: dialler) == 10_000)
        #expect(town.data(dialler, attempt, 5_000).relayed(to: called) == 5_000)
        #expect(town.credit(called, attempt, 3_000).isEmpty)
        #expect(town.credit(called, attempt, 2_000).isEmpty)
        #expect(town.pass(.milliseconds(490)).isEmpty)
        #expect(town.pass(.milliseconds(11)).credited(to: dialler) == 5_000)
    }
}
