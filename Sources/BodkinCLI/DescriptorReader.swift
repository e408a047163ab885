import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Reads a descriptor of any kind, a terminal as well as a file, without changing how others see it: on a thread that waits.
///
/// Cancelling the task that reads ends the wait and loses nothing; the reader is then used up, and another one of the same descriptor goes on.
final class DescriptorReader: Sendable {
    private let descriptor: Int32
    private let alarm: Alarm
    /// Rings when the end is near, and the pause after which it is there.
    private let ending: Alarm
    private let lastPause = Mutex<Duration?>(nil)
    private let threads: NIOThreadPool

    init(_ descriptor: Int32, _ threads: NIOThreadPool, _ reserve: AlarmReserve? = nil) throws {
        self.descriptor = descriptor
        self.threads = threads
        alarm = try reserve?.take() ?? Alarm()
        ending = try reserve?.take() ?? Alarm()
    }

    /// What is there, at most `limit` bytes; waits while there is nothing; nil at the end.
    func read(upTo limit: Int = 65_536) async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await threads.runIfActive { [self] in try wait(limit) }
        } onCancel: {
            alarm.ring()
        }
    }

    /// From now on a pause of this length is the end, for a descriptor that others may hold open for ever.
    func endAfterPause(of pause: Duration) {
        lastPause.withLock { $0 = pause }
        ending.ring()
    }

    private func wait(_ limit: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        while true {
            let pause = lastPause.withLock { $0 }
            switch try alarm.wait(descriptor, for: POLLIN, or: pause == nil ? ending : nil, within: pause) {
            case .ready: break
            case .otherAlarm: continue
            case .timeout: return nil
            }
            let count = readDescriptor(descriptor, &bytes, limit)
            if count > 0 { return count == limit ? bytes : Array(bytes[..<count]) }
            // A terminal that has gone away is at its end.
            if count == 0 || errno == EIO { return nil }
            guard errno == EINTR || errno == EAGAIN else { throw DescriptorError(number: errno) }
        }
    }
}

private func readDescriptor(_ number: Int32, _ bytes: inout [UInt8], _ count: Int) -> Int { read(number, &bytes, count) }
