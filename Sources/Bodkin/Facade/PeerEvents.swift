import DequeModule
import Synchronization

/// The events of a peer, for any number of consumers: each iteration has all events from its beginning on, until the peer is closed.
///
/// ```swift
/// for await event in peer.events {
///     if case .pathLost(let peer, _, let reason) = event.kind { print("\(peer) lost its path: \(reason)") }
/// }
/// ```
///
/// A consumer that falls behind by more than ``bufferLimit`` events loses the oldest ones, and is told how many (``PeerEvent/Kind/missed(_:)``). It never holds
/// the peer, or another consumer, up.
public struct PeerEvents: AsyncSequence, Sendable {
    /// An event of the peer.
    public typealias Element = PeerEvent
    /// The most events that wait for one consumer: 1 024.
    public static let bufferLimit = 1024

    let source: PeerEventSource

    /// An iteration of its own. It is to be used by one task.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: source.subscribe()) }

    /// One iteration.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: PeerEventSource.Subscription

        /// The next event; nil when the peer has been closed, or the task is cancelled.
        public mutating func next() async -> PeerEvent? { await subscription.next() }
    }
}

/// Hands each event to every consumer.
final class PeerEventSource: Sendable {
    private struct State {
        var subscriptions: [ObjectIdentifier: WeakSubscription] = [:]
        var isFinished = false
    }

    private struct WeakSubscription { weak var subscription: Subscription? }

    private let state = Mutex(State())

    func subscribe() -> Subscription {
        let subscription = Subscription()
        let isFinished = state.withLock { state in
            state.subscriptions = state.subscriptions.filter { $0.value.subscription != nil }
            state.subscriptions[ObjectIdentifier(subscription)] = WeakSubscription(subscription: subscription)
            return state.isFinished
        }
        if isFinished { subscription.finish() }
        return subscription
    }

    func emit(_ event: PeerEvent) {
        for subscription in current() { subscription.add(event) }
    }

    /// No event follows.
    func finish() {
        state.withLock { $0.isFinished = true }
        for subscription in current() { subscription.finish() }
    }

    private func current() -> [Subscription] { state.withLock { $0.subscriptions.values.compactMap(\.subscription) } }

    /// What waits for one consumer.
    final class Subscription: Sendable {
        private struct State {
            var events: Deque<PeerEvent> = []
            var missed = 0
            var isFinished = false
            var waiting: CheckedContinuation<PeerEvent?, Never>?
        }

        private let state = Mutex(State())

        /// Whether the consumer waits for an event.
        var isWaiting: Bool { state.withLock { $0.waiting != nil } }

        func add(_ event: PeerEvent) {
            let waiting = state.withLock { state -> CheckedContinuation<PeerEvent?, Never>? in
                guard !state.isFinished else { return nil }
                if let waiting = state.waiting.take() { return waiting }
                if state.events.count >= PeerEvents.bufferLimit {
                    state.events.removeFirst()
                    state.missed += 1
                }
                state.events.append(event)
                return nil
            }
            waiting?.resume(returning: event)
        }

        func finish() {
            let waiting = state.withLock { state in
                state.isFinished = true
                return state.waiting.take()
            }
            waiting?.resume(returning: nil)
        }

        func next() async -> PeerEvent? {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let result = state.withLock { state -> PeerEvent?? in
                        if state.missed > 0 {
                            defer { state.missed = 0 }
                            return PeerEvent(kind: .missed(state.missed), elapsed: state.events.first?.elapsed ?? .zero)
                        }
                        if let event = state.events.popFirst() { return event }
                        if state.isFinished || Task.isCancelled { return .some(nil) }
                        state.waiting = continuation
                        return nil
                    }
                    if let result { continuation.resume(returning: result) }
                }
            } onCancel: {
                state.withLock { $0.waiting.take() }?.resume(returning: nil)
            }
        }
    }
}
