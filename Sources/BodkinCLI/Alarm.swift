#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a descriptor cannot be read or written.
struct DescriptorError: Error {
    /// The system's error number.
    let number: Int32
    /// Whether nobody reads the other end any more.
    var isBrokenPipe: Bool { number == EPIPE || number == EIO }
    /// Whether this process, or the system, has no descriptor left.
    var isExhausted: Bool { number == EMFILE || number == ENFILE }
}

/// Waits for a descriptor on a thread, until another one rings.
final class Alarm: Sendable {
    private let bell: DescriptorPair

    init() throws { bell = try DescriptorPair.bell() }

    deinit { bell.close() }

    /// Ends every wait, now and later.
    func ring() {
        var count: UInt64 = 1
        _ = write(bell.write, &count, MemoryLayout<UInt64>.size)
    }

    /// What a wait came to.
    enum Outcome: Sendable {
        /// The descriptor is ready.
        case ready
        /// The other alarm has rung.
        case otherAlarm
        /// The time is over.
        case timeout
    }

    /// Waits until the descriptor is ready, until another alarm rings, or for so long.
    /// - Throws: `CancellationError` if this alarm has rung.
    @discardableResult
    func wait(_ descriptor: Int32, for event: some BinaryInteger, or other: Alarm? = nil, within limit: Duration? = nil) throws -> Outcome {
        while true {
            var waits = [
                pollfd(fd: bell.read, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: event), revents: 0),
                pollfd(fd: other?.bell.read ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&waits, 3, limit.map { Int32(clamping: Int64($0 / .milliseconds(1))) } ?? -1)
            guard count >= 0 || errno == EINTR else { throw DescriptorError(number: errno) }
            if waits[0].revents != 0 { throw CancellationError() }
            if waits[1].revents != 0 { return .ready }
            if waits[2].revents != 0 { return .otherAlarm }
            if count == 0 { return .timeout }
        }
    }
}
