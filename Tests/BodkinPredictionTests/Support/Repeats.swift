import Foundation

/// How often things are repeated: a little by default, more where the environment says so.
enum Repeats {
    static let factor = ProcessInfo.processInfo.environment["BODKIN_REPEATS"].flatMap { Int($0) } ?? 1
    static let isVerbose = factor > 1
    static let perCell = 40 * factor
    static let drawn = 1000 * factor
}
