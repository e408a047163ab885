import BodkinProtocols
import Testing

@Suite("When to fire")
struct MeetScheduleTests {
    private static func schedule(_ count: Int, departs: Bool = false) -> MeetSchedule {
        MeetSchedule(targetCount: count, start: .milliseconds(70), interval: .milliseconds(200), departs: departs)
    }

    @Test("every target is fired at, at the same instants, and not once more")
    func instants() {
        var schedule = Self.schedule(3)
        var fired: [Duration] = []
        while let instant = schedule.nextInstant {
            fired.append(instant)
            #expect(schedule.fire() == [.fire(0), .fire(1), .fire(2)])
        }
        #expect(fired == MeetSchedule.instants.map { .milliseconds(70 + 200 * $0) })
        #expect(schedule.fire().isEmpty && schedule.fire().isEmpty)
        #expect(schedule.deadline == .milliseconds(70 + 200 * 31))
        #expect(MeetSchedule.instants.count == 9 && MeetSchedule.instants.sorted() == MeetSchedule.instants)
    }

    @Test("the dialler departs from later instants, by less than half an interval, so that whoever is always late is met once")
    func departs() {
        var called = Self.schedule(1)
        var dialler = Self.schedule(1, departs: true)
        var gaps: [Duration] = []
        var last = Duration.zero
        while let near = dialler.nextInstant, let far = called.nextInstant {
            gaps.append(near - far)
            #expect(near > last && near < dialler.deadline)
            last = near
            #expect(dialler.fire() == called.fire())
        }
        #expect(dialler.nextInstant == nil && called.nextInstant == nil)
        // The first two shots are the ones that count where all is well: nobody departs from them.
        #expect(gaps.prefix(2) == [.zero, .zero])
        #expect(gaps.allSatisfy { abs($0 / .milliseconds(1)) <= 50 })
        #expect(gaps.contains { $0 > .zero } && gaps.contains { $0 < .zero })
    }

    @Test("a target that is connected is left alone; where all are, there is no further instant")
    func connected() {
        var schedule = Self.schedule(2)
        #expect(schedule.fire() == [.fire(0), .fire(1)])
        schedule.connected(0)
        #expect(schedule.nextInstant == .milliseconds(270))
        #expect(schedule.fire() == [.fire(1)])
        schedule.connected(1)
        #expect(schedule.nextInstant == nil)
        #expect(schedule.fire().isEmpty)
    }

    @Test("a refusal is not the end, and does not undo a connection")
    func refused() {
        var schedule = Self.schedule(2)
        _ = schedule.fire()
        schedule.refused(0)
        schedule.connected(1)
        schedule.refused(1)
        #expect(schedule.fire() == [.fire(0)])
    }

    @Test("what was connected and lost is fired at again, within the same instants")
    func lost() {
        var schedule = Self.schedule(1)
        var shots = 0
        while schedule.nextInstant != nil {
            shots += schedule.fire().count
            schedule.connected(0)
            #expect(schedule.nextInstant == nil)
            schedule.lost(0)
        }
        #expect(shots == MeetSchedule.instants.count)
    }

    @Test("a target that comes later joins at the next instant")
    func added() {
        var schedule = Self.schedule(0)
        #expect(schedule.nextInstant == .milliseconds(70), "instants pass without targets too")
        #expect(schedule.addTarget() == 0)
        #expect(schedule.fire() == [.fire(0)])
        #expect(schedule.addTarget() == 1)
        #expect(schedule.nextInstant == .milliseconds(270))
        #expect(schedule.fire() == [.fire(0), .fire(1)])
    }

    @Test("targets that do not exist change nothing", arguments: [-1, 1, .max, .min])
    func unknown(_ target: Int) {
        var schedule = Self.schedule(1)
        schedule.connected(target)
        schedule.refused(target)
        schedule.lost(target)
        #expect(schedule.fire() == [.fire(0)])
    }

    @Test("instants that have passed are not made up for: one shot, and then the next one that is to come")
    func late() {
        var schedule = Self.schedule(1)
        #expect(schedule.fire(at: .milliseconds(700)) == [.fire(0)])
        #expect(schedule.nextInstant == .milliseconds(1070))
    }
}

extension MeetSchedule {
    /// Fires when it is time.
    fileprivate mutating func fire() -> [Action] { fire(at: nextInstant ?? .zero) }
}
