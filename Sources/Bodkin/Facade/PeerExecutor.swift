import NIOCore

/// Runs tasks on the thread that serves a peer's connections. Reads and writes that need not wait then cost a call, and no change of threads.
///
/// Use it to transfer gigabytes; the default executor suits everything else. A task on this executor delays the peer, so it must never block or compute for long.
///
/// ```swift
/// try await withTaskExecutorPreference(peer.executor) {
///     while let piece = try await connection.read() { try await connection.write(piece) }
/// }
/// ```
public final class PeerExecutor: TaskExecutor {
    private let eventLoop: any EventLoop
    /// What becomes ready on the event loop itself, until its turn is over.
    private let ready: NIOLoopBoundBox<[UnownedJob]>

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        ready = NIOLoopBoundBox.makeBoxSendingValue([], eventLoop: eventLoop)
    }

    /// Takes a job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard eventLoop.inEventLoop else { return eventLoop.execute { self.run(job) } }
        ready.value.append(job)
        if ready.value.count == 1 { eventLoop.execute { self.runReady() } }
    }

    private func runReady() {
        let jobs = ready.value
        ready.value = []
        for job in jobs { run(job) }
    }

    private func run(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }
}
