import BodkinCore
import Testing

@testable import Bodkin

/// When a dial fires whose port was replaced, in virtual time.
@Suite("firing hold")
struct FiringHoldTests {
    enum Step: Sendable {
        case replaced
        case announced
        /// The first instant is so many milliseconds later.
        case meet(Int)
    }

    private static let interval = Duration.milliseconds(100)

    struct Course: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// What happens, and at which millisecond.
        let steps: [(at: Int, step: Step)]
        /// At which millisecond it fires; nil where it never held.
        let firesAt: Int?
        var allowsVolleys = true
    }

    static let courses = [
        Course(testDescription: "nothing was replaced", steps: [(0, .meet(50)), (10, .announced)], firesAt: nil),
        Course(
            testDescription: "replaced while meeting: an interval after the remote peer is told",
            steps: [(0, .meet(50)), (200, .replaced), (240, .announced)], firesAt: 340, allowsVolleys: false),
        Course(
            testDescription: "replaced and announced before the Meet: an interval after the first instant",
            steps: [(0, .replaced), (40, .announced), (800, .meet(50))], firesAt: 950),
        Course(
            testDescription: "replaced before the Meet, and announced after it", steps: [(0, .replaced), (100, .meet(50)), (200, .announced)],
            firesAt: 300),
        Course(testDescription: "replaced, and never announced: at the limit", steps: [(0, .replaced), (100, .meet(50))], firesAt: 2000),
        Course(
            testDescription: "replaced and announced, without a Meet: at the limit", steps: [(0, .replaced), (40, .announced)], firesAt: 2000,
            allowsVolleys: false),
        Course(
            testDescription: "announced twice: as if once", steps: [(0, .meet(50)), (100, .replaced), (140, .announced), (200, .announced)],
            firesAt: 240, allowsVolleys: false),
        Course(
            testDescription: "replaced twice: the second time counts",
            steps: [(0, .meet(50)), (100, .replaced), (140, .announced), (200, .replaced), (260, .announced)], firesAt: 360, allowsVolleys: false),
        Course(
            testDescription: "a Meet that is long under way: an interval from now", steps: [(0, .replaced), (40, .announced), (100, .meet(-500))],
            firesAt: 200),
    ]

    @Test("a dial fires again in every order of what happens, and in time", arguments: courses)
    func course(_ course: Course) throws {
        var hold = FiringHold()
        for (at, step) in course.steps {
            let now = Instant.start + .milliseconds(at)
            switch step {
            case .replaced: hold.handle(.replaced(limit: .seconds(2)), at: now)
            case .announced: hold.handle(.announced, at: now)
            case .meet(let wait): hold.handle(.meet(start: now + .milliseconds(wait), interval: Self.interval), at: now)
            }
            #expect(hold.isHolding == (hold.deadline != nil))
        }
        #expect(hold.deadline == course.firesAt.map { .start + .milliseconds($0) })
        #expect(hold.allowsVolleys == course.allowsVolleys)
        guard let deadline = hold.deadline else { return }
        hold.handle(.timeout, at: deadline - .milliseconds(1))
        #expect(hold.nextAction() == nil && hold.isHolding)
        hold.handle(.timeout, at: deadline)
        #expect(hold.nextAction() == .fire && hold.nextAction() == nil && !hold.isHolding)
    }

    @Test("no order of up to four messages holds for longer than the limit and the Meet's wait")
    func bounded() {
        let steps: [Step] = [.replaced, .announced, .meet(50)]
        for first in steps {
            for second in steps {
                for third in steps {
                    for fourth in steps {
                        var hold = FiringHold()
                        for (index, step) in [first, second, third, fourth].enumerated() {
                            let now = Instant.start + .milliseconds(10 * index)
                            switch step {
                            case .replaced: hold.handle(.replaced(limit: .seconds(2)), at: now)
                            case .announced: hold.handle(.announced, at: now)
                            case .meet(let wait): hold.handle(.meet(start: now + .milliseconds(wait), interval: Self.interval), at: now)
                            }
                        }
                        #expect(hold.deadline ?? .start <= .start + .milliseconds(2030))
                    }
                }
            }
        }
    }
}
