import BodkinCore
import Testing

@Suite("Days")
struct DayTests {
    @Test(
        "of a time, in UTC",
        arguments: [
            (0, "1970-01-01"), (86_399, "1970-01-01"), (86_400, "1970-01-02"), (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"),
            (1_795_824_000, "2026-11-28"), (1_798_675_199, "2026-12-30"), (4_107_542_400, "2100-03-01"), (-1, "1969-12-31"),
            (-62_135_596_800, "0001-01-01"),
        ])
    func ofATime(seconds: Int, text: String) {
        #expect(Day(secondsSince1970: seconds).description == text)
        #expect(Day(text) == Day(secondsSince1970: seconds))
    }

    @Test(
        "nothing else is one",
        arguments: ["", "2026-1-1", "2026-13-01", "2026-00-01", "2026-01-32", "+026-01-01", "2026/01/01", "2026-01-01 ", "२०२६-01-01"])
    func malformed(text: String) { #expect(Day(text) == nil) }

    @Test("the earlier comes before the later")
    func order() throws {
        let days = try ["2025-12-31", "2026-01-01", "2026-01-02", "2026-02-01"].map { try #require(Day($0)) }
        #expect(days == days.reversed().sorted())
    }
}
