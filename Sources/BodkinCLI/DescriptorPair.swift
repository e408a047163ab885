import BodkinSystem

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

#if os(Linux)
import CBodkinSystem
#endif

/// The two ends of a pipe, which programs started here do not inherit.
struct DescriptorPair: Sendable {
    let read: Int32
    let write: Int32

    static func pipe() throws -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        guard makePipe(&ends) == 0 else { throw DescriptorError(number: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return try DescriptorPair(read: ends[0], write: ends[1]).checked()
    }

    #if os(Linux)
    /// Something that can be read from for ever as soon as eight bytes are written to it: one descriptor.
    static func bell() throws -> DescriptorPair {
        let number = bodkin_bell()
        guard number >= 0 else { throw DescriptorError(number: -number) }
        return try DescriptorPair(read: number, write: number).checked()
    }
    #else
    /// Something that can be read from for ever as soon as eight bytes are written to it.
    static func bell() throws -> DescriptorPair { try pipe() }
    #endif

    /// The pair, if it has none of the last descriptors.
    private func checked() throws -> DescriptorPair {
        guard DescriptorReserve.contains(max(read, write)) else { return self }
        close()
        throw DescriptorError(number: EMFILE)
    }

    func close() {
        closeEnd(read)
        if write != read { closeEnd(write) }
    }
}

private func makePipe(_ ends: inout [Int32]) -> Int32 { pipe(&ends) }
private func closeEnd(_ end: Int32) { _ = close(end) }
