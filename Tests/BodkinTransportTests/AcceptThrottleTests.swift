import BodkinTransport
import Logging
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Listeners of a process that has no descriptor left.
@Suite("A shortage of descriptors")
struct AcceptThrottleTests {
    /// Counts what is logged.
    private final class Count: Sendable {
        private struct Handler: LogHandler {
            var logLevel = Logger.Level.info
            var metadata: Logger.Metadata = [:]
            let count: Count
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) { count.number.withLock { $0 += 1 } }
        }

        private let number = Mutex(0)
        var value: Int { number.withLock { $0 } }
        var logger: Logger { Logger(label: "", factory: { _ in Handler(count: self) }) }
    }

    @Test("is told once by all listeners together, though connections are accepted in between, and again a minute later")
    func once() throws {
        let (count, notice, loop) = (Count(), ShortageNotice(), EmbeddedEventLoop())
        let listeners = try (0..<3).map { _ in
            let channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandler(AcceptThrottle(count.logger, notice: notice))
            return channel
        }
        func lack() throws {
            for listener in listeners {
                listener.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
                try listener.writeInbound(EmbeddedChannel(loop: loop) as any Channel)
            }
        }
        for _ in 0..<100 {
            try lack()
            loop.advanceTime(by: .milliseconds(500))
        }
        #expect(count.value == 1)
        loop.advanceTime(by: .seconds(11))
        try lack()
        #expect(count.value == 2)
    }
}
