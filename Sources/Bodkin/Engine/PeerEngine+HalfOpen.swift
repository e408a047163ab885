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
    /// Requests room for so many connections of a dial. The dial hears of each one that there is room for, at once or later.
    func requestRoom(for attempt: DialDriver, _ use: HalfOpenBudget.Use, count: Int = 1) { feed(.wanted(attempt.id, use, count: count)) }

    /// Releases the room of one connection of a dial, which is half-open no more.
    /// - Parameter error: the error with which the connection has failed.
    func releaseRoom(of id: AttemptID, _ use: HalfOpenBudget.Use, after error: (any Error)? = nil) {
        if error?.isShortageOfDescriptors == true { feed(.descriptorsExhausted) }
        feed(.released(id, use))
    }

    /// Withdraws what a dial has requested and not been granted.
    func withdrawRequest(of id: AttemptID, _ use: HalfOpenBudget.Use) { feed(.withdrawn(id, use)) }

    private func feed(_ input: HalfOpenBudget.Input) {
        halfOpen.handle(input)
        while let action = halfOpen.nextAction() {
            switch action {
            case .grant(let id, let use, let count):
                if remotes.dial(id)?.granted(count, for: use) != true { for _ in 0..<count { halfOpen.handle(.released(id, use)) } }
            case .deny(let id, let use, let count): remotes.dial(id)?.denied(count, for: use)
            }
        }
    }
}

extension Error {
    /// Whether the system has refused a socket because no descriptor was free.
    var isShortageOfDescriptors: Bool { [EMFILE, ENFILE].contains((self as? IOError)?.errnoCode ?? 0) }
}
