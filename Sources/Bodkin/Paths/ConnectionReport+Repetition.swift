import BodkinCore

extension ConnectionReport {
    /// Whether a connection to this endpoint follows on others between the same endpoints: on a slow line, several SYNs of a Meet may be under way at once.
    /// - Parameter isOwn: whether the local peer has opened it, so that one of the SYNs was its own.
    func hasRepeated(_ remote: Endpoint, isOwn: Bool) -> Bool {
        let count = attempts.lazy.filter { $0.remote == remote && $0.round == nil }.reduce(0) { $0 + $1.shots }
        return count > (isOwn ? 1 : 0)
    }
}
