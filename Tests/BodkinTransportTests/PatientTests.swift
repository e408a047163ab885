import BodkinTransport
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A deadline on an event loop that is held up.
@Suite("A deadline does not count the time for which its own loop was held up", .timeLimit(.minutes(1)))
struct PatientTests {
    private static let loop = NIOSingletons.posixEventLoopGroup.next()

    /// Holds the loop up for so long.
    private static func holdUp(_ time: TimeAmount) {
        let end = NIODeadline.now() + time
        while NIODeadline.now() < end {}
    }

    @Test("what cancels it, and was due before, cancels it after the loop was held up")
    func cancelled() async throws {
        let (patient, strict) = (Self.loop.makePromise(of: Bool.self), Self.loop.makePromise(of: Bool.self))
        try await Self.loop.submit {
            let deadlines = [
                OneShot.patient(on: Self.loop, in: .milliseconds(30)) { patient.succeed(true) },
                OneShot(on: Self.loop, in: .milliseconds(30)) { strict.succeed(true) },
            ]
            let bound = NIOLoopBound(deadlines, eventLoop: Self.loop)
            // The answer comes while the loop is held up, and is read after the timers of that turn.
            Self.loop.assumeIsolated().scheduleTask(in: .milliseconds(60)) {
                for deadline in bound.value { deadline.cancel() }
                patient.succeed(false)
                strict.succeed(false)
            }
            Self.holdUp(.milliseconds(50))
        }.get()
        #expect(try await patient.futureResult.get() == false)
        #expect(try await strict.futureResult.get() == true)
    }

    @Test("it comes in the end, also on a loop that is held up all the time")
    func bounded() async throws {
        let done = Self.loop.makePromise(of: Void.self)
        let isDone = Mutex(false)
        try await Self.loop.submit {
            _ = OneShot.patient(on: Self.loop, in: .milliseconds(20)) {
                isDone.withLock { $0 = true }
                done.succeed()
            }
        }.get()
        @Sendable func hold() {
            guard !isDone.withLock({ $0 }) else { return }
            Self.holdUp(.milliseconds(40))
            Self.loop.execute { hold() }
        }
        Self.loop.execute { hold() }
        try await done.futureResult.get()
    }
}
