import NIOPosix
import Testing

@testable import BodkinCLI

/// Programs that a command starts, and what is left of them.
@Suite("A child process")
struct ChildProcessTests {
    /// When the task that waits for it is cancelled.
    enum Moment: CaseIterable {
        case never, before, meanwhile
    }

    @Test("is waited for, whenever the waiting is cancelled", .timeLimit(.minutes(1)), arguments: Moment.allCases)
    func reaped(_ moment: Moment) async throws {
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        let child = try ChildProcess(["/bin/sh", "-c", moment == .never ? "exit 3" : "sleep 60"], environment: [:])
        defer { _ = close(child.input) }
        let waiting = Task {
            if moment == .before { withUnsafeCurrentTask { $0?.cancel() } }
            await child.wait(on: threads)
        }
        if moment == .meanwhile { waiting.cancel() }
        await waiting.value
        #expect(child.isReaped)
        try await threads.shutdownGracefully()
    }
}
