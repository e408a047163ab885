#if os(Linux)
import CBodkinSystem
import Glibc

/// Descriptors on which the system tells that something has changed under a program. The caller reads and closes them.
package enum SystemEvents {
    /// Has something to read after every change of the calling thread's interfaces, addresses and routes; nil where the system has no such thing.
    package static func network() -> CInt? {
        let descriptor = bodkin_network_events()
        return descriptor < 0 ? nil : descriptor
    }

    /// Fails to be read when the clock has been set, among others at the end of a suspension; nil where the system has no such thing.
    package static func clock() -> CInt? {
        let descriptor = bodkin_clock_events()
        return descriptor < 0 ? nil : descriptor
    }

    /// How long the machine has been suspended since it started: of the kernel's two clocks one goes on meanwhile.
    package static func suspendedTime() -> Duration { max(time(of: CLOCK_BOOTTIME) - time(of: CLOCK_MONOTONIC), .zero) }

    private static func time(of clock: clockid_t) -> Duration {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
#elseif canImport(Darwin)
import Darwin

/// Descriptors on which the system tells that something has changed under a program. The caller reads and closes them.
package enum SystemEvents {
    /// A routing socket: has something to read after every change of interfaces, addresses and routes.
    package static func network() -> CInt? {
        let descriptor = socket(PF_ROUTE, SOCK_RAW, AF_UNSPEC)
        return descriptor < 0 ? nil : descriptor
    }

    /// None.
    package static func clock() -> CInt? { nil }

    /// Zero: not asked on this system.
    package static func suspendedTime() -> Duration { .zero }
}
#endif
