#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// A thread of the system, for what must not run on the cooperative pool: a namespace is a property of a thread, and some calls block.
struct SystemThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread that ends with `body`.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        var thread = pthread_t()
        let retained = Unmanaged.passRetained(
            Body {
                bodkin_thread_name(String(name.prefix(15)))
                body()
            })
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard result == 0 else {
            retained.release()
            throw LabError(
                .system, "The system starts no further thread (\(text(of: result))). End other programs, and try again.", errorNumber: result)
        }
        pthread_detach(thread)
    }

    /// Runs `body` on a thread of its own and returns what it returns.
    static func run<T: Sendable>(_ name: String, _ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try start(name) { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
#endif
