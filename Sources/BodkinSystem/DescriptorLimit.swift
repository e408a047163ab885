#if canImport(Glibc)
import Glibc
private let descriptors = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
private let systemLimit = rlim_t.max
#elseif canImport(Musl)
import Musl
private let descriptors = RLIMIT_NOFILE
private let systemLimit = rlim_t.max
#elseif canImport(Darwin)
import Darwin
private let descriptors = RLIMIT_NOFILE
/// setrlimit(2) of macOS takes no more, even where it says "unlimited".
private let systemLimit = rlim_t(OPEN_MAX)
#endif

/// How many descriptors this process and its later children may have open: many systems begin with 1024, and allow far more to a process that asks.
package enum DescriptorLimit {
    /// The limit up to which a process may raise its own.
    package static var highest: Int { Int(clamping: min(current.rlim_max, systemLimit)) }

    /// The limit of this process now.
    package static var present: Int { Int(clamping: current.rlim_cur) }

    /// How many of them sockets and pipes may have: all but the last ones (``DescriptorReserve``).
    package static var usable: Int { max(present - DescriptorReserve.size, 0) }

    /// How many descriptors this process has open, of the first 1 024: with more it need not count.
    package static var used: Int { (0..<CInt(min(present, 1_024))).count { fcntl($0, F_GETFD) != -1 } }

    /// Raises the limit to `count`, or as far as the system allows; never lowers it.
    /// - Returns: the limit from now on.
    @discardableResult
    package static func raise(to count: Int = .max) -> Int {
        var limit = current
        limit.rlim_cur = max(min(rlim_t(max(count, 0)), limit.rlim_max, systemLimit), limit.rlim_cur)
        // Refused, the limit is what it was: the answer tells.
        _ = setrlimit(descriptors, &limit)
        return Int(clamping: current.rlim_cur)
    }

    private static var current: rlimit {
        var limit = rlimit()
        // Cannot fail with this resource and a place to write to.
        _ = getrlimit(descriptors, &limit)
        return limit
    }
}
