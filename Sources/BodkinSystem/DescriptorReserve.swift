#if canImport(Glibc)
import Glibc
private func openSocket() -> CInt { socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0) }
#elseif canImport(Musl)
import Musl
private func openSocket() -> CInt { socket(AF_UNIX, SOCK_STREAM, 0) }
#elseif canImport(Darwin)
import Darwin
private func openSocket() -> CInt { socket(AF_UNIX, SOCK_STREAM, 0) }
#endif

/// The last descriptors that a process may have, which none of its sockets and pipes takes.
///
/// libdispatch, on whose threads Swift's tasks run, opens a file of /proc once a second while they are busy, and traps where it cannot (Linux). The resolver of the
/// system and the reading of files need some as well. Descriptors are given lowest first: so what has a number below the reserve leaves it untouched.
package enum DescriptorReserve {
    /// What libdispatch, the resolver and a file need at one time, and what several threads can take before they look: eight, and an eighth where there are few.
    package static var size: Int { min(8, DescriptorLimit.present / 8) }

    /// How many descriptors are free before the last ones are touched, at most.
    package static var room: Int {
        let next = openSocket()
        guard next >= 0 else { return 0 }
        close(next)
        return max(DescriptorLimit.usable - Int(next), 0)
    }

    /// Whether a descriptor is one of the last, and to be closed at once.
    package static func contains(_ number: CInt) -> Bool { Int(number) >= DescriptorLimit.usable }
}
