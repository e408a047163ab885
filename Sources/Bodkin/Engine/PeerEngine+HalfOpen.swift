import BodkinCore
import BodkinTransport
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The driver of the budget of half-open connections.
extension PeerEngine {
    /// A dial wants to open so many connections. It is told of each that there is room for, at once or later.
    func requestRoom(for attempt: Attempt, _ use: HalfOpenBudget.Use, count: Int = 1) { feed(.wanted(attempt.id, use, count: count)) }

    /// One of a dial's connections is half-open no more; `error` is what it has failed with.
    func releaseRoom(of id: AttemptID, _ use: HalfOpenBudget.Use, after error: (any Error)? = nil) {
        if error?.isShortageOfDescriptors == true { feed(.descriptorsExhausted) }
        feed(.released(id, use))
    }

    /// A dial wants no more room.
    func withdrawRequest(of id: AttemptID, _ use: HalfOpenBudget.Use) { feed(.withdrawn(id, use)) }

    private func feed(_ input: HalfOpenBudget.Input) {
        halfOpen.handle(input)
        while let action = halfOpen.nextAction() {
            switch action {
            case .grant(let id, .meet, let count):
                for _ in 0..<count { if let attempt = remotes.dial(id) { attempt.fireWaiting() } else { halfOpen.handle(.released(id, .meet)) } }
            case .grant(let id, .search, let count):
                if let attempt = remotes.dial(id), attempt.isPredicting, attempt.phase != .over {
                    attempt.tellPunch(.granted(count))
                } else {
                    for _ in 0..<count { halfOpen.handle(.released(id, .search)) }
                }
            case .deny(let id, _, let count): remotes.dial(id)?.tellPunch(.denied(count))
            }
        }
    }
}

extension Error {
    /// Whether the system has refused a socket for want of a descriptor.
    var isShortageOfDescriptors: Bool { [EMFILE, ENFILE].contains((self as? IOError)?.errnoCode ?? 0) }
}
