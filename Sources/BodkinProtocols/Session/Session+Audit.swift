import OrderedCollections

/// What must hold in a session between any two calls, for tests that give it hostile bytes.
extension Session {
    /// Whether every bound of the configuration holds.
    package var isWithinBounds: Bool {
        unreadByteCount <= configuration.largestConnectionWindow
            && unacknowledgedByteCount <= configuration.unacknowledgedBytes + RecordLog.reservedBytes + 2048
            && log.count <= configuration.unacknowledgedRecords + RecordLog.reservedRecords + 1
            && streamCount <= 1 + configuration.localStreams + configuration.remoteStreams
    }

    /// The generation of a path's last choice; 0 before the first, and for an unknown path.
    package func generation(of path: PathID) -> UInt64 { paths[path]?.generation ?? 0 }
}
