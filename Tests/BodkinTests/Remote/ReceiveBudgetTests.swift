import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

@Suite("The memory of a peer for what it has received")
struct ReceiveBudgetTests {
    private static func peer(_ number: UInt8) -> PeerID {
        PeerID(publicKey: [number] + [UInt8](repeating: 7, count: 31)) ?? { preconditionFailure("32 bytes are a key") }()
    }
    private static let (mebibyte, sessions) = (1 << 20, 4096)
    private static func grow(_ budget: inout ReceiveBudget, _ id: SessionID, to bytes: Int) -> Int { budget.grow(id, to: bytes) }
    private static var budget: ReceiveBudget { ReceiveBudget(bytes: 512 * mebibyte, sessions: sessions) }

    @Test("what is granted to any number of sessions is no more than there is", arguments: [1, 4, 64, 4096])
    func total(peers: Int) {
        var budget = Self.budget
        var windows: [SessionID: Int] = [:]
        let ids = (0..<Self.sessions).map { _ in SessionID.random() }
        for (index, id) in ids.enumerated() {
            budget.open(id, with: Self.peer(UInt8(index % min(peers, 200))))
            for size in [4, 8, 16] { windows[id] = budget.grow(id, to: size * Self.mebibyte) }
        }
        #expect(windows.values.reduce(0, +) <= 512 * Self.mebibyte)
        #expect(windows.values.allSatisfy { $0 >= ReceiveBudget.smallestWindow })
        for id in ids { budget.close(id) }
        #expect(budget.left == 256 * Self.mebibyte)
    }

    @Test("one remote peer has no more than a quarter of it, and another one is granted what it asks for nevertheless")
    func share() {
        var budget = Self.budget
        let total = (0..<100).reduce(0) { sum, _ in
            let id = SessionID.random()
            budget.open(id, with: Self.peer(1))
            return sum + budget.grow(id, to: 16 * Self.mebibyte) - ReceiveBudget.smallestWindow
        }
        #expect(total == 64 * Self.mebibyte)
        let other = SessionID.random()
        budget.open(other, with: Self.peer(2))
        #expect(Self.grow(&budget, other, to: 16 * Self.mebibyte) == 16 * Self.mebibyte)
    }

    @Test("a window never shrinks, and a session that is not there has the smallest")
    func bounds() {
        var budget = Self.budget
        let id = SessionID.random()
        #expect(Self.grow(&budget, id, to: Self.mebibyte) == ReceiveBudget.smallestWindow)
        budget.open(id, with: Self.peer(1))
        #expect(Self.grow(&budget, id, to: Self.mebibyte) == Self.mebibyte)
        #expect(Self.grow(&budget, id, to: 1) == Self.mebibyte)
        budget.open(id, with: Self.peer(1))
        #expect(Self.grow(&budget, id, to: 1) == Self.mebibyte)
        budget.close(id)
        budget.close(id)
        #expect(budget.left == 256 * Self.mebibyte)
    }
}
