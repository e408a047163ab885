import BodkinCore
import Testing

@testable import Bodkin

@Suite("The budget of half-open connections")
struct HalfOpenBudgetTests {
    private let first = AttemptID.random()
    private let second = AttemptID.random()
    private let third = AttemptID.random()

    @Test("a search of one dial leaves room for the Meets of others, and the rest of it is denied and not forgotten")
    func reserve() {
        let budget = DrivenBudget()
        #expect(budget.act(.wanted(first, .search, count: 1024)) == [.grant(first, .search, count: 896), .deny(first, .search, count: 128)])
        for _ in 0..<128 { #expect(budget.act(.wanted(second, .meet, count: 1)) == [.grant(second, .meet, count: 1)]) }
        // The next one waits, and has its turn when any connection is answered.
        #expect(budget.act(.wanted(third, .meet, count: 1)).isEmpty)
        #expect(budget.act(.released(first, .search)) == [.grant(third, .meet, count: 1)])
        #expect(budget.count(.meet) + budget.count(.search) == 1024)
    }

    @Test("Meets never take more than half, and wait in turns")
    func turns() {
        let budget = DrivenBudget()
        #expect(budget.act(.wanted(first, .meet, count: 600)).count == 512)
        #expect(budget.act(.wanted(second, .meet, count: 1)).isEmpty)
        #expect(budget.act(.released(first, .meet)) == [.grant(first, .meet, count: 1)])
        #expect(budget.act(.released(first, .meet)) == [.grant(second, .meet, count: 1)])
    }

    @Test("a second search waits for the first, and both have a fair share of what becomes free")
    func searches() {
        let budget = DrivenBudget()
        #expect(budget.act(.wanted(first, .search, count: 896)) == [.grant(first, .search, count: 896)])
        #expect(budget.act(.wanted(second, .search, count: 512)).isEmpty)
        #expect(budget.act(.wanted(third, .search, count: 512)).isEmpty)
        var granted: [AttemptID: Int] = [:]
        for _ in 0..<896 {
            for case .grant(let dial, _, let count) in budget.act(.released(first, .search)) { granted[dial, default: 0] += count }
        }
        #expect(granted == [second: 448, third: 448])
        #expect(budget.act(.withdrawn(third, .search)).isEmpty)
        #expect(budget.act(.released(third, .search)) == [.grant(second, .search, count: 1)])
    }

    @Test("a dial that is over wants nothing, and what it has open counts until it is closed")
    func over() {
        let budget = DrivenBudget()
        budget.act(.wanted(first, .search, count: 896))
        #expect(budget.act(.withdrawn(first, .search)).isEmpty && budget.count(.search) == 896)
        #expect(budget.act(.wanted(second, .search, count: 16)).isEmpty)
        #expect(budget.act(.released(first, .search)) == [.grant(second, .search, count: 1)])
        // What was never granted is not released.
        #expect(budget.act(.released(third, .meet)).isEmpty && budget.count(.meet) == 0)
    }

    @Test("few descriptors are a small budget, and a search says what it leaves out", arguments: [(1024, 640), (300, 33), (0, 12)])
    func descriptors(limit: Int, most: Int) {
        let budget = DrivenBudget(descriptors: limit)
        #expect(budget.act(.wanted(first, .search, count: 896)) == [.grant(first, .search, count: most), .deny(first, .search, count: 896 - most)])
    }

    @Test("where the system gives no socket any more, nothing further is opened until the others are closed")
    func exhausted() {
        let budget = DrivenBudget()
        budget.act(.wanted(first, .meet, count: 100))
        #expect(budget.act(.descriptorsExhausted).isEmpty)
        #expect(budget.act(.wanted(second, .meet, count: 1)).isEmpty)
        #expect(budget.act(.released(first, .meet)) == [.grant(second, .meet, count: 1)])
        for _ in 0..<99 { budget.act(.released(first, .meet)) }
        budget.act(.released(second, .meet))
        #expect(budget.act(.wanted(first, .search, count: 896)) == [.grant(first, .search, count: 896)])
    }
}

/// A budget that tells what comes of each input.
private final class DrivenBudget {
    private var budget: HalfOpenBudget

    init(descriptors: Int = .max) { budget = HalfOpenBudget(descriptors: descriptors) }

    func count(_ use: HalfOpenBudget.Use) -> Int { budget.count(use) }

    @discardableResult
    func act(_ input: HalfOpenBudget.Input) -> [HalfOpenBudget.Action] {
        budget.handle(input)
        var actions: [HalfOpenBudget.Action] = []
        while let action = budget.nextAction() { actions.append(action) }
        return actions
    }
}
