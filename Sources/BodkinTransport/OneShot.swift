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
    /// A patient one that comes later than this has been held up with its loop.
    private static let tolerance = TimeAmount.milliseconds(10)
    /// How often a patient one has its time again at most: a loop that is never on time does not wait for ever.
    private static let extensionLimit = 8

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

    /// Does something after a time in which the event loop could have noticed what would cancel it. If the loop was held up, what has come meanwhile may be unread:
    /// then it waits once more, for as long as it is late, and no longer than the time itself.
    package static func patient(on eventLoop: any EventLoop, in time: TimeAmount, _ body: @escaping () -> Void) -> OneShot {
        let shot = OneShot(on: eventLoop, in: time, body)
        shot.patience = Patience(eventLoop: eventLoop, time: time, deadline: eventLoop.now + time)
        return shot
    }

    private struct Patience {
        let eventLoop: any EventLoop
        let time: TimeAmount
        var deadline: NIODeadline
        var extensions = 0
    }

    private var patience: Patience?

    /// Whether it has its time once more.
    private func isExtended() -> Bool {
        guard var patience, body != nil, patience.extensions < Self.extensionLimit else { return false }
        let lateness = patience.eventLoop.now - patience.deadline
        guard lateness > Self.tolerance else { return false }
        patience.extensions += 1
        patience.deadline = patience.eventLoop.now + max(Self.tolerance, min(lateness, patience.time))
        self.patience = patience
        task = patience.eventLoop.assumeIsolated().scheduleTask(deadline: patience.deadline) { self.run() }
        return true
    }

    /// It will not be done. Without effect where it has been.
    package func cancel() {
        body = nil
        task?.cancel()
        task = nil
    }

    private func run() {
        task = nil
        if isExtended() { return }
        let body = body.take()
        body?()
    }
}
