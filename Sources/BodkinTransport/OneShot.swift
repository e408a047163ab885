package import NIOCore

/// Something that is to be done once, later, on an event loop; never once it has been cancelled.
///
/// A task that NIO has scheduled is no such thing: where it falls due in the turn of the loop in which it is cancelled, it has left the queue already, and is run.
/// A dial that had just ended would fire once more, and nobody would be left to close what came of it.
/// ```swift
/// let deadline = OneShot(on: eventLoop, in: .seconds(10)) { path.close() }
/// deadline.cancel()
/// ```
/// Made, cancelled and run on its event loop; releasing the last reference does not cancel it.
package final class OneShot {
    private var body: (() -> Void)?
    private var task: Scheduled<Void>?

    /// Does something at a time of the event loop's clock.
    package init(on eventLoop: any EventLoop, at deadline: NIODeadline, _ body: @escaping () -> Void) {
        self.body = body
        task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.run() }
    }

    /// Does something after a time.
    package convenience init(on eventLoop: any EventLoop, in time: TimeAmount, _ body: @escaping () -> Void) {
        self.init(on: eventLoop, at: eventLoop.now + time, body)
    }

    /// It will not be done. Without effect where it has been.
    package func cancel() {
        body = nil
        task?.cancel()
        task = nil
    }

    private func run() {
        task = nil
        let body = body.take()
        body?()
    }
}
