import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes a descriptor of any kind on a thread that waits while the other end does not read. Cancelling ends the wait.
final class DescriptorWriter: Sendable {
    /// A pipe that poll says can be written takes this much without waiting (POSIX: PIPE_BUF).
    private static let certain = 4096

    private let descriptor: Mutex<Int32>
    private let alarm: Alarm
    private let threads: NIOThreadPool

    init(_ descriptor: Int32, _ threads: NIOThreadPool, _ reserve: AlarmReserve? = nil) throws {
        self.descriptor = Mutex(descriptor)
        self.threads = threads
        alarm = try reserve?.take() ?? Alarm()
    }

    /// Writes all of the bytes.
    func write(_ bytes: [UInt8]) async throws {
        try await withTaskCancellationHandler {
            try await threads.runIfActive { [self] in try wait(bytes) }
        } onCancel: {
            alarm.ring()
        }
    }

    /// Closes the descriptor, so that the other end reads its end.
    func close() {
        descriptor.withLock { number in
            if number >= 0 { closeDescriptor(number) }
            number = -1
        }
    }

    private func wait(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let number = descriptor.withLock { $0 }
            guard number >= 0 else { throw DescriptorError(number: EPIPE) }
            try alarm.wait(number, for: POLLOUT)
            let count = rest.prefix(Self.certain).withUnsafeBytes { writeDescriptor(number, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR && errno != EAGAIN {
                throw DescriptorError(number: errno)
            }
        }
    }
}

private func closeDescriptor(_ number: Int32) { _ = close(number) }
private func writeDescriptor(_ number: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(number, bytes, count) }
