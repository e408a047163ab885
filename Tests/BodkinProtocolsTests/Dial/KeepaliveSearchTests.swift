import Testing

@testable import BodkinProtocols

@Suite struct KeepaliveSearchTests {
    /// A day behind a NAT that forgets after `timeout`: how many connections have died, and how many keepalives there were.
    private static func day(_ search: inout KeepaliveSearch, timeout: Duration) -> (deaths: Int, keepalives: Int) {
        var now = Duration.zero
        var (deaths, keepalives) = (0, 0)
        while now < .seconds(86_400) {
            let silence = search.interval
            now += silence
            keepalives += 1
            if silence < timeout {
                search.answered(after: silence)
            } else {
                deaths += 1
                search.died(after: silence)
            }
        }
        return (deaths, keepalives)
    }

    @Test(arguments: [10, 12, 15, 20, 30, 60, 120, 300, 900, 1800, 3600, 7200, 7440, 86_400] as [Int64])
    func aTimeoutIsFoundInADayWithFewDeaths(seconds: Int64) {
        let timeout = Duration.seconds(seconds)
        var search = KeepaliveSearch()
        let first = Self.day(&search, timeout: timeout)
        #expect(first.deaths <= 10, "\(seconds) s: \(first)")
        #expect(search.interval < timeout)
        #expect(search.interval >= min(timeout * 0.6, .seconds(7200) * 0.6), "\(seconds) s: \(search.interval)")
        // What is known stays known.
        let second = Self.day(&search, timeout: timeout)
        #expect(second.deaths <= 2 && second.keepalives <= 11_000, "\(seconds) s: \(second)")
    }

    @Test func nothingIsAssumedAboveTenSecondsBeforeItIsSurvived() {
        var search = KeepaliveSearch()
        #expect(search.interval < .seconds(10))
        search.answered(after: search.interval)
        #expect(search.interval == .seconds(16))
    }

    @Test func aDeathOfSomethingElseIsForgivenOnce() {
        var search = KeepaliveSearch()
        for _ in 0..<6 { search.answered(after: search.interval) }
        let known = search.interval
        search.died(after: .seconds(1))
        #expect(search.fatal == nil && search.interval >= known / 2)
        search.answered(after: search.interval)
        search.answered(after: search.interval)
        #expect(search.interval >= known)
    }

    @Test func anotherNetworkWithAShorterTimeIsFound() {
        var search = KeepaliveSearch()
        _ = Self.day(&search, timeout: .seconds(3600))
        let deaths = Self.day(&search, timeout: .seconds(30)).deaths
        #expect(deaths < 20 && search.interval < .seconds(30), "\(deaths), \(search.interval)")
    }

    @Test func badLuckIsForgottenAfterAWhile() {
        var search = KeepaliveSearch()
        search.died(after: .seconds(8))
        let deaths = Self.day(&search, timeout: .seconds(7440)).deaths
        #expect(deaths == 0 && search.interval > .seconds(1000), "\(search.interval)")
    }

    @Test func aLongerOneIsFoundWhereTheTimerWasNone() {
        var search = KeepaliveSearch()
        search.answered(after: .seconds(8))
        search.died(after: .seconds(16))
        search.answered(after: .seconds(20))
        #expect(search.fatal == nil && search.interval == .seconds(40))
    }
}
