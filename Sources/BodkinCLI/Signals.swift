import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
/// Dispatch catches it by itself.
private func prepareForSource(_ number: Int32) {}
#elseif canImport(Musl)
import Musl
private func prepareForSource(_ number: Int32) {}
#elseif canImport(Darwin)
import Darwin
/// A kqueue hears of a signal that is ignored otherwise.
private func prepareForSource(_ number: Int32) { signal(number, SIG_IGN) }
#endif

/// The signals that ask a command to end. For the outermost level of a program.
final class Signals: Sendable {
    private let stream: AsyncStream<Int32>
    private let hasCome = Mutex(false)

    /// Takes these signals from now on, unless the process was started to ignore them: the first is told, a second one ends the process at once.
    private init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(1))
        self.stream = stream
        for number in numbers where !InheritedSignals.ignored.contains(number) {
            prepareForSource(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                let isSecond = hasCome.withLock { come in
                    defer { come = true }
                    return come
                }
                if isSecond { _exit(128 + number) }
                continuation.yield(number)
                withExtendedLifetime(source) {}
            }
            source.resume()
        }
    }

    /// Runs `body` to its end, or until a signal cancels it.
    ///
    /// - Returns: the signal; nil where `body` ended by itself.
    static func run(endedBy numbers: [Int32] = InheritedSignals.ending, _ body: @escaping @Sendable () async throws -> Void) async throws -> Int32? {
        let signals = Signals(numbers)
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await body()
                return nil
            }
            group.addTask { await signals.next() }
            let first = try await group.next() ?? nil
            group.cancelAll()
            // After a signal, what the body throws is only its consequence.
            while let result = await group.nextResult() { if first == nil { _ = try result.get() } }
            return first
        }
    }

    /// SIGHUP, each time that it comes; several that come at once are one. None where the process was started to ignore it.
    static func hangups() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard !InheritedSignals.ignored.contains(SIGHUP) else { return stream }
        prepareForSource(SIGHUP)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler {
            continuation.yield()
            withExtendedLifetime(source) {}
        }
        source.resume()
        return stream
    }

    private func next() async -> Int32? {
        for await number in stream { return number }
        return nil
    }
}
