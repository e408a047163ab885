#if os(Linux)
import CBodkinNATLab
import Glibc

/// Runs `body` until it ends or the user ends it by Ctrl-C, SIGTERM or SIGHUP; then it is cancelled and may clean up.
///
/// For the outermost level of a program: until it returns these signals do not end the process by themselves.
///
/// - Returns: the signal that ended it, or nil.
package func withInterruption(_ body: @escaping @Sendable () async throws -> Void) async throws -> Int32? {
    let pipe = try Descriptor.pipe()
    try system(bodkin_signals_redirect(pipe.write.raw), "signals cannot be caught")
    defer { bodkin_signals_restore() }
    return try await withThrowingTaskGroup(of: Int32?.self) { group in
        group.addTask {
            try await body()
            return nil
        }
        group.addTask { try await nextSignal(pipe.read, pipe.write) }
        let first: Int32?
        do {
            first = try await group.next() ?? nil
        } catch {
            group.cancelAll()
            throw error
        }
        group.cancelAll()
        do {
            while try await group.next() != nil {}
        } catch {
            if first == nil { throw error }  // after a signal, the body's error is only its consequence
        }
        return first
    }
}

/// The number of the next signal; nil when the waiting is cancelled.
private func nextSignal(_ input: Descriptor, _ output: Descriptor) async throws -> Int32? {
    try await withTaskCancellationHandler {
        try await SystemThread.run("signals") {
            var number: UInt8 = 0
            while read(input.raw, &number, 1) < 0 && errno == EINTR {}
            return number == 0 ? nil : Int32(number)
        }
    } onCancel: {
        var wakeUp: UInt8 = 0
        _ = write(output.raw, &wakeUp, 1)
    }
}
#endif
