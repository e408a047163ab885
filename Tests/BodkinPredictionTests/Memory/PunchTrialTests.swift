import BodkinCore
import BodkinPrediction
import Testing

@Suite("Which side fires first, and what is learnt of it")
struct PunchTrialTests {
    private let near = PortForecast(address: IPAddress(v4: 0xC633_6401), port: 40_000, ports: .counted(delta: 1, count: 16, index: 8))
    private let kept = PortForecast(address: IPAddress(v4: 0xCB00_7101), port: 5_000, ports: .kept)
    private let own = PunchMemoryTests.kind(0)
    private let far = PunchMemoryTests.kept
    private let day = Day("2026-11-28")

    private func trial(_ a: PortForecast, _ b: PortForecast, _ precedent: Precedent?, after earlier: [PunchTrial] = []) throws -> (
        PunchRound, PunchTrial
    ) {
        var random = SystemRandomNumberGenerator()
        let part = try #require(PunchRound(own: a, far: b, using: &random))
        return (part, PunchTrial(part, between: [a.ports, b.ports], own: own, far: far, precedent: precedent, after: earlier))
    }

    @Test("without a precedent whoever guesses fires first; with one of the other order the other side does, on both sides")
    func order() throws {
        let reversed = Precedent(.predicted, isBurstFirst: true, round: 2, day: try #require(day))
        for (precedent, isBurstFirst) in [(Precedent?.none, false), (reversed, true)] {
            for (a, b, isBurst) in [(near, kept, true), (kept, near, false)] {
                let (part, trial) = try trial(a, b, precedent)
                #expect(trial.isBurstFirst == isBurstFirst)
                #expect(part.waits(isBurstFirst: trial.isBurstFirst) == (isBurst != isBurstFirst))
            }
        }
        // Two that count fire at one moment, whatever is remembered.
        let (part, trial) = try trial(near, near, reversed)
        #expect(!trial.isBurstFirst && !part.waits(isBurstFirst: true) && !part.waits(isBurstFirst: false))
    }

    @Test("what worked in the first round is kept; where only a later one did, the next dial begins the other way round, and back")
    func lesson() throws {
        let today = try #require(day)
        let (_, first) = try trial(near, kept, nil)
        #expect([first].precedent(on: today) == Precedent(.predicted, isBurstFirst: false, round: 1, day: today))
        let (_, second) = try trial(near, kept, nil, after: [first])
        let lesson = try #require([first, second].precedent(on: today))
        #expect(lesson == Precedent(.predicted, isBurstFirst: true, round: 2, day: today))
        let (_, third) = try trial(near, kept, lesson)
        #expect([third].precedent(on: today) == Precedent(.predicted, isBurstFirst: true, round: 1, day: today))
        // Where that fails, the usual order follows; and if that works, it is the usual order again.
        let (_, fourth) = try trial(near, kept, lesson, after: [third])
        #expect(!fourth.isBurstFirst && [third, fourth].precedent(on: today) == Precedent(.predicted, isBurstFirst: false, round: 2, day: today))
        #expect([PunchTrial]().precedent(on: today) == nil)
    }

    @Test("what is drawn is searched for; two that fire at one moment have no order to learn")
    func means() throws {
        let today = try #require(day)
        let drawn = PortForecast(address: near.address, port: 1_024, ports: .drawn(1024...65535, count: 512, isBlock: false))
        #expect([try trial(drawn, kept, nil).1].precedent(on: today)?.means == .search)
        let first = try trial(near, near, nil).1
        #expect([first, try trial(near, near, nil, after: [first]).1].precedent(on: today)?.isBurstFirst == false)
    }
}
