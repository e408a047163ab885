import Synchronization

/// Alarms that a command keeps for the standard streams of its connection. Where few descriptors are allowed, the sockets of a dial would take them all, and the
/// connection that they bring about could not be served.
final class AlarmReserve: Sendable {
    /// Those of a reader and of a writer.
    private static let size = 3
    private let held = Mutex<[Alarm]>([])

    init() { refill() }

    /// One that was kept, or a new one.
    func take() throws -> Alarm { try held.withLock { $0.popLast() } ?? Alarm() }

    /// Keeps as many again, or as many as there are.
    func refill() {
        held.withLock { held in
            while held.count < Self.size, let alarm = try? Alarm() { held.append(alarm) }
        }
    }
}
