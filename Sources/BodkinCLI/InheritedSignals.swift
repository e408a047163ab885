#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The signals that this process was started to ignore, as by nohup or as a background job of sh. They stay ignored, here and in the programs that it starts.
enum InheritedSignals {
    /// The signals that ask a program to end, by their numbers.
    static let ending = [SIGINT, SIGTERM, SIGHUP]

    /// Those of the signals by which users end programs that are ignored.
    static let ignored: Set<Int32> = Set((ending + [SIGQUIT]).filter(isIgnored))

    /// Notes how the process was started; to be called before anything changes it.
    static func note() { _ = ignored }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // The handler comes first in the structure of every system, and SIG_IGN is the address 1, which is no function.
        return withUnsafeBytes(of: &action) { $0.load(as: Int.self) == 1 }
    }
}
