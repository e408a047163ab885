#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc
import Synchronization

/// Runs an ``EmulatedNetwork`` on a thread of its own: packets from TUN devices in, packets out, the rest as commands between two packets.
final class LabEngine: Sendable {
    typealias Command = @Sendable (inout EmulatedNetwork, LabInstant) -> Void

    private struct Mailbox {
        var commands: [Command] = []
        var isStopped = false
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let mailbox = Mutex(Mailbox())
    private let wakeup: Descriptor

    /// Starts the thread. It ends, and closes the capture, after ``stop()``.
    init(_ network: EmulatedNetwork, _ tunnels: [(port: EmulatedNetwork.Port, tunnel: Descriptor)], capture: String?) throws {
        wakeup = Descriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)))
        let capture = try capture.map(CaptureFile.init(path:))
        let poller = try Descriptor(checking: epoll_create1(Int32(EPOLL_CLOEXEC)), "no epoll")
        let timer = try Descriptor(checking: bodkin_timer_create(), "no timer")
        try system(bodkin_epoll_add(poller.raw, wakeup.raw, EngineLoop.wakeupTag), "no wake-up")
        try system(bodkin_epoll_add(poller.raw, timer.raw, EngineLoop.timerTag), "no timer")
        for (index, tunnel) in tunnels.enumerated() {
            try system(bodkin_epoll_add(poller.raw, tunnel.tunnel.raw, UInt64(index)), "a TUN device cannot be watched")
        }
        try SystemThread.start("lab-engine") { [self] in
            var loop = EngineLoop(network, tunnels, poller: poller, timer: timer, wakeup: wakeup, capture: capture)
            while loop.turn(takeCommands()) {}
            let waiting = mailbox.withLock { mailbox in
                mailbox.hasEnded = true
                return mailbox.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    /// Runs a command on the engine's thread, between two packets.
    func perform<T: Sendable>(_ command: @escaping @Sendable (inout EmulatedNetwork, LabInstant) -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = mailbox.withLock { mailbox in
                guard !mailbox.isStopped else { return false }
                mailbox.commands.append { continuation.resume(returning: command(&$0, $1)) }
                return true
            }
            guard accepted else { return continuation.resume(throwing: LabError(.ended, "The lab has ended. Start another one.")) }
            eventfd_write(wakeup.raw, 1)
        }
    }

    /// Ends the thread once all commands before this one are done, and waits for its end.
    func stop() async {
        await withCheckedContinuation { continuation in
            let hasEnded = mailbox.withLock { mailbox in
                mailbox.isStopped = true
                if !mailbox.hasEnded { mailbox.waiting.append(continuation) }
                return mailbox.hasEnded
            }
            if hasEnded { continuation.resume() } else { eventfd_write(wakeup.raw, 1) }
        }
    }

    /// The commands that wait; nil when the engine is to stop.
    private func takeCommands() -> [Command]? {
        mailbox.withLock { mailbox in
            defer { mailbox.commands = [] }
            return mailbox.isStopped && mailbox.commands.isEmpty ? nil : mailbox.commands
        }
    }
}
#endif
