import DequeModule
import NIOCore
import Synchronization

/// Connections of one event loop that have more messages than one turn takes.
///
/// One of them has a turn at a time. Before the next turn the loop has as long for everything else. A loop looks at its sockets only when no task is due, so
/// connections that merely executed their next turn would hold up every other connection of the loop.
final class TurnQueue {
    /// The least time between two turns: as long as a turn.
    static let pause = TimeAmount.microseconds(500)

    private let loop: any EventLoop
    private var waiting = Deque<() -> Void>()
    private var isScheduled = false

    init(_ loop: any EventLoop) { self.loop = loop }

    /// Has a turn taken after those that wait.
    func enter(_ turn: @escaping () -> Void) {
        waiting.append(turn)
        schedule(after: Self.pause)
    }

    private func schedule(after pause: TimeAmount) {
        guard !isScheduled, !waiting.isEmpty else { return }
        isScheduled = true
        let queue = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: pause) { queue.value.takeTurn() }
    }

    private func takeTurn() {
        let start = loop.now
        waiting.popFirst()?()
        isScheduled = false
        schedule(after: max(loop.now - start, Self.pause))
    }
}

/// The queue of each event loop of a server.
final class TurnQueues: Sendable {
    private let queues = Mutex<[ObjectIdentifier: NIOLoopBound<TurnQueue>]>([:])

    /// The queue of the loop that calls.
    func queue(of loop: any EventLoop) -> TurnQueue {
        queues.withLock { queues in
            if let queue = queues[ObjectIdentifier(loop)] { return queue }
            let queue = NIOLoopBound(TurnQueue(loop), eventLoop: loop)
            queues[ObjectIdentifier(loop)] = queue
            return queue
        }.value
    }
}
