import BodkinProtocols
import Testing

@Suite("When to fire")
struct MeetScheduleTests {
    private static func schedule(_ count: Int) -> MeetSchedule {
        MeetSchedule(targetCount: count, start: .milliseconds(70), interval: .milliseconds(200))
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

    @Test("each of the first instants has a volley: whoever refuses is fired at again at once, a few times")
    func volleys() {
        var schedule = Self.schedule(2)
        var shots = 0
        for round in MeetSchedule.instants.indices {
            #expect(schedule.fire() == [.fire(0), .fire(1)])
            var volley = 0
            while schedule.refused(0) == .fire(0) { volley += 1 }
            #expect(volley == (round < 4 ? 3 : 0), "round \(round)")
            #expect(schedule.refused(0) == nil)
            shots += 1 + volley
        }
        // What a peer may be made to send to one endpoint.
        #expect(shots == 21)
    }

    @Test("nobody fires at what is connected, or at what the system refuses")
    func noVolley() {
        var schedule = Self.schedule(2)
        _ = schedule.fire()
        schedule.connected(0)
        #expect(schedule.refused(0) == nil)
        schedule.failed(1)
        #expect(schedule.fire() == [.fire(1)])
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
        #expect(schedule.refused(0) == .fire(0))
        schedule.connected(1)
        #expect(schedule.refused(1) == nil)
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
        #expect(schedule.refused(target) == nil)
        schedule.failed(target)
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
