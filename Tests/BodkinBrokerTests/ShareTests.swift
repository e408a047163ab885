import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Shares within a token")
struct ShareTests {
    private let now = NIODeadline.uptimeNanoseconds(5_000_000_000)

    private func accounts(_ address: UInt32) -> [Account] { [.token(0), .address(IPAddress(v4: address))] }

    @Test(
        "a hundred addresses that take all they get leave something for the next one",
        arguments: [QuotaTable.Item.connection, .registration, .circuit, .pendingDial])
    func counted(_ item: QuotaTable.Item) {
        var table = QuotaTable(Quotas())
        var most = 0
        for address in 1...100 as ClosedRange<UInt32> {
            var count = 0
            while table.take(item, accounts(address), now: now) { count += 1 }
            most = max(most, count)
        }
        // The first one has its whole quota.
        #expect(most == (item == .connection || item == .registration ? 256 : item == .circuit ? 64 : 32))
        let isIn = table.take(item, accounts(5_000), now: now)
        #expect(isIn)
    }

    @Test(
        "dials, relayed bytes and messages: those who use up a token wait, and one who has used nothing does not",
        arguments: ["dials", "bytes", "messages"])
    func rates(_ kind: String) {
        var table = QuotaTable(Quotas())
        func use(_ table: inout QuotaTable, _ address: UInt32) -> Bool {
            switch kind {
            case "dials": table.takeDial(accounts(address), now: now)
            case "bytes": table.relay(65_536, accounts(address), now: now) == .zero
            default: table.charge(1_000, accounts(address), now: now) == .zero
            }
        }
        var total = 0
        for address in 1...60 as ClosedRange<UInt32> { while use(&table, address) { total += 1 } }
        let isFree = use(&table, 5_000)
        #expect(isFree)
        // All together have had what the token has at once, and what each may use before it waits for the others.
        let unit = kind == "dials" ? 2_000 : kind == "bytes" ? 128 * 16 + 60 * 17 : 400 + 60 * 4
        #expect(total <= unit, "\(total)")
    }

    @Test("memory: twenty addresses that keep all they may leave some for the next one")
    func memory() {
        var table = QuotaTable(Quotas(), bufferLimit: 536_870_912)
        for address in 1...20 as ClosedRange<UInt32> {
            _ = table.take(.connection, accounts(address), now: now)
            while table.resize(0, to: 65_536, accounts(address)) {}
        }
        _ = table.take(.connection, accounts(5_000), now: now)
        let isFree = table.resize(0, to: 65_536, accounts(5_000))
        #expect(isFree && table.bufferedByteCount < 384 * 1_048_576)
    }

    @Test("a server that counts all users as one shares nothing: one address may have all of the token's")
    func alone() {
        let quota = Quota(connections: 10, registrations: 10, dialsPerSecond: 1, dialBurst: 10, circuits: 10, relayedBytesPerSecond: 1_000)
        var table = QuotaTable(Quotas(everyone: quota))
        let count = (0..<20).count { _ in table.take(.connection, accounts(1), now: now) }
        #expect(count == 10)
    }

    @Test("dials from one address to one peer have a rate, whether the peer is there or not, and others are not touched", arguments: [true, false])
    func meets(_ isThere: Bool) throws {
        var quotas = Quotas()
        quotas.address.dialBurst = 1_000
        var fixture = BrokerFixture(limits: BrokerLimits(), quotas: quotas)
        let (again, called) = (try fixture.resident(), try fixture.resident())
        let name = isThere ? called.id : try Identity.create().peerID
        let refused = (0..<100).count { _ in fixture.dial(again, name).failedDial(of: again) == .quota }
        #expect(refused == 36)
        #expect(fixture.dial(again, try Identity.create().peerID).failedDial(of: again) == .unavailable)
        _ = fixture.pass(.seconds(1))
        let later = (0..<20).count { _ in fixture.dial(again, name).failedDial(of: again) == .quota }
        #expect(later == 12)
    }

    @Test(
        "an instance that does not admit the sender gets few Recalls of it, and one that does gets what the sender may send",
        arguments: [true, false])
    func recalls(_ isAdmitted: Bool) throws {
        var fixture = BrokerFixture()
        let sender = try fixture.resident()
        let target = try fixture.resident(admission: isAdmitted ? .anyone : .nobody)
        let recall = WireRecall.with {
            $0.peer = .init(target.id.publicKey)
            $0.instance = .init(target.instance.bytes)
            $0.session = .init(count: 16)
        }
        for _ in 0..<1_000 { fixture.broker.recall(sender.connection, recall, now: fixture.now) }
        let passed = fixture.broker.takeActions().count { if case .send(.recall, target.connection) = $0 { true } else { false } }
        #expect(passed == (isAdmitted ? 256 : 4))
    }

    @Test("UDP: nobody is sent noticeably more than somebody has sent, and requests have a rate of their source and in all")
    func datagrams() {
        var budget = DatagramBudget(now: now)
        func reflected(_ budget: inout DatagramBudget, _ request: Int, _ source: (UInt32) -> IPAddress) -> (answers: Int, excess: Int) {
            var (answers, excess) = (0, 0)
            for number in 0..<100_000 as Range<UInt32> where budget.takes(from: source(number), now: now) {
                guard budget.answers(64, to: request, from: source(number), now: now) else { continue }
                answers += 1
                excess += 64 - request
            }
            return (answers, excess)
        }
        // One victim, and then everybody.
        let one = reflected(&budget, 20) { _ in IPAddress(v4: 7) }
        #expect(one.excess <= 4_096 && one.answers > 50)
        let all = reflected(&budget, 20) { IPAddress(v4: $0) }
        #expect(all.answers <= 5_000 && all.excess <= 262_144)
        // A request that is as long as its answer needs no budget.
        var fresh = DatagramBudget(now: now)
        #expect(reflected(&fresh, 64) { _ in IPAddress(v4: 7) }.answers == 400)
    }
}
