import NIOCore
import Synchronization

/// One call that waits for something on an event loop: what it is known by there, so that its cancellation ends it and no other.
final class Call: Sendable {
    private let cancelled = Mutex(false)

    /// What the call is known by while it waits.
    var id: ObjectIdentifier { ObjectIdentifier(self) }
    var isCancelled: Bool { cancelled.withLock { $0 } }
    func cancel() { cancelled.withLock { $0 = true } }
}

extension EventLoop {
    /// Begins something on the event loop and waits for it; the task's cancellation ends it by `cancel`, also when it comes before the beginning.
    func wait<Value: Sendable>(
        _ begin: @escaping @Sendable (ObjectIdentifier) -> EventLoopFuture<Value>, cancel: @escaping @Sendable (ObjectIdentifier) -> Void
    ) async throws -> Value {
        let call = Call()
        return try await withTaskCancellationHandler {
            // There already, as with ``PeerExecutor``: where nothing is to be waited for, this is a call and no more.
            if inEventLoop, !call.isCancelled { return try await begin(call.id).get() }
            return try await flatSubmit { call.isCancelled ? self.makeFailedFuture(CancellationError()) : begin(call.id) }.get()
        } onCancel: {
            call.cancel()
            // The call is kept until then: its name is not given to another.
            self.execute { cancel(call.id) }
        }
    }
}
