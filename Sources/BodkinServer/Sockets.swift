import NIOCore
import Synchronization

/// The listening sockets and UDP sockets of a server.
final class Sockets: Sendable {
    private let channels = Mutex<[any Channel]>([])

    func add(_ channel: any Channel) { channels.withLock { $0.append(channel) } }

    /// Closes those that were added after there were `count`, or all.
    func close(after count: Int = 0) async {
        let closing = channels.withLock { channels in
            defer { channels.removeLast(max(channels.count - count, 0)) }
            return channels.dropFirst(count)
        }
        for channel in closing { try? await channel.close().get() }
    }

    var count: Int { channels.withLock { $0.count } }
}

/// The accepted connections of a server.
final class ConnectionSet: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Adds a connection until it is closed; closes it at once when the server is shutting down.
    func add(_ channel: any Channel) {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.channels[ObjectIdentifier(channel)] = channel }
            return !state.isClosed
        }
        guard isOpen else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { [self] _ in _ = state.withLock { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) } }
    }

    /// Waits for the connections to close by themselves for so long, closes the rest, and waits for that. Does not mind cancellation.
    func close(within grace: TimeAmount, on loop: any EventLoop) async {
        let channels = state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
        }
        let force = loop.scheduleTask(in: grace) { for channel in channels { channel.close(promise: nil) } }
        try? await EventLoopFuture.andAllComplete(channels.map(\.closeFuture), on: loop).get()
        force.cancel()
    }
}
