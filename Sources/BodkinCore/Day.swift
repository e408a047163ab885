/// A day of the Gregorian calendar in UTC, such as 2026-11-28: as exact as needed where a date is kept only so that it can be told.
public struct Day: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Year, month and day of the month, from 1.
    public let year: Int, month: Int, day: Int

    private static let secondsOfDay = 86_400

    /// The day of a time, in seconds since 1970.
    public init(secondsSince1970 seconds: Int) {
        // Years begin in March, so that the day that may be missing is the last (Hinnant, chrono-compatible low-level date algorithms, 2013).
        let days = seconds / Self.secondsOfDay - (seconds % Self.secondsOfDay < 0 ? 1 : 0) + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        month = shifted < 10 ? shifted + 3 : shifted - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads `2026-11-28`; nil for what looks otherwise.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.joined().utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == 3, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else { return nil }
        (year, month, day) = (numbers[0], numbers[1], numbers[2])
    }

    /// `2026-11-28`.
    public var description: String {
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = "\(number)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// The earlier before the later.
    public static func < (left: Day, right: Day) -> Bool { (left.year, left.month, left.day) < (right.year, right.month, right.day) }
}
