import BodkinCore
import BodkinTransport
import NIOCore

/// An event loop's clock as machines count it: the time since the peer's start.
struct PeerClock {
    let eventLoop: any EventLoop
    let start: NIODeadline

    /// A clock that starts now.
    init(of eventLoop: any EventLoop) { (self.eventLoop, start) = (eventLoop, eventLoop.now) }

    /// The present moment.
    var now: Instant { Instant(sinceStart: .nanoseconds((eventLoop.now - start).nanoseconds)) }

    /// A time of the event loop at which a machine's deadline has certainly come. The event loop counts whole nanoseconds, and an early timer would find nothing to do.
    func time(of deadline: Instant) -> NIODeadline { start + TimeAmount(deadline.sinceStart) + .nanoseconds(1) }
}

/// The one timer of a machine's driver.
///
/// ```swift
/// timer.set(to: machine.deadline, by: clock) { [weak self] in self?.handle(.timeout) }
/// ```
struct DeadlineTimer {
    private var armed: (deadline: Instant, task: OneShot)?

    /// The deadline that is waited for; nil for none.
    var deadline: Instant? { armed?.deadline }

    /// Waits for a machine's deadline, and no longer for the one before; nil for none.
    mutating func set(to deadline: Instant?, by clock: PeerClock, _ body: @escaping () -> Void) {
        armed?.task.cancel()
        armed = deadline.map { ($0, OneShot(on: clock.eventLoop, at: clock.time(of: $0), body)) }
    }

    /// Waits for nothing any more.
    mutating func cancel() {
        armed?.task.cancel()
        armed = nil
    }
}
