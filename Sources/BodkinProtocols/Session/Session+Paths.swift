import OrderedCollections

extension Session {
    /// Reports a path that is up: its TLS handshake has authenticated the remote peer. The dialer sends on its first path at once, before any answer.
    ///
    /// A path that is known already is ignored, and so is any for a session that is over.
    package mutating func addPath(_ path: PathID, kind: PathKind) {
        guard paths[path] == nil, state != .ended else { return }
        paths[path] = SessionPath(kind: kind, owesOpen: role == .dialer)
        readers[path] = PathReader()
        isWithoutPath = false
        // Its handshake has just shown that it carries bytes both ways. Only a tentative session waits for its answer, because it may have to give way.
        if role == .dialer, activePath == nil || (isConfirmed || !isOffer) && improves(kind) { choose(path) }
    }

    /// Whether a path of this kind is better than the active one.
    func improves(_ kind: PathKind) -> Bool { activePath.flatMap { paths[$0] }.map { kind.preference > $0.kind.preference || $0.isSuspect } ?? true }

    /// Reports a path that is gone, for whatever reason. What was not acknowledged on it is replayed on the next one.
    package mutating func pathClosed(_ path: PathID) {
        guard paths.removeValue(forKey: path) != nil else { return }
        readers.removeValue(forKey: path)
        leave(path)
    }

    /// Asks the remote peer for a sign of life on a path, unless it has been asked already; ``Event/answered(_:)`` comes with the answer.
    package mutating func probe(_ path: PathID) {
        guard paths[path]?.isUsable == true, paths[path]?.probe == nil else { return }
        probeCount += 1
        paths[path]?.probe = probeCount
        paths[path]?.owesProbe = true
    }

    /// The remote peer says, by another way, that nothing arrives on this path: any other that comes up is better, until the remote peer answers here.
    package mutating func suspect(_ path: PathID) {
        guard paths[path]?.isUsable == true else { return }
        paths[path]?.isSuspect = true
        probe(path)
    }

    /// Whether another path could carry the session if this one were gone.
    package func hasAlternative(to path: PathID) -> Bool { paths.contains { $0.key != path && $0.value.isUsable } }

    /// Something has come on a path that was suspected because nothing did.
    package mutating func trust(_ path: PathID) { paths[path]?.isSuspect = false }

    /// Whether a path is suspected and has not answered since.
    package func isSuspect(_ path: PathID) -> Bool { paths[path]?.isSuspect ?? false }

    /// The first record that has not been sent on this path, as long as it carries the session.
    package func firstUnsent(on path: PathID) -> UInt64 { paths[path]?.cursor ?? 0 }

    /// Makes a path the active one (the dialer's decision): everything unacknowledged is replayed on it.
    mutating func choose(_ path: PathID) {
        generation += 1
        paths[path]?.generation = generation
        // An OPEN that was not sent yet carries the choice.
        if paths[path]?.owesOpen == false { paths[path]?.owesChoice = true }
        activate(path)
    }

    /// Sends on a path from now on, beginning with everything unacknowledged.
    mutating func activate(_ path: PathID) {
        activePath = path
        paths[path]?.cursor = log.first
    }

    /// The called side follows a choice, if it is newer than what it knows. Whether it does.
    mutating func follow(_ path: PathID, generation chosen: UInt64) -> Bool {
        if chosen > 0 { paths[path]?.mayReceiveRecords = true }
        guard chosen > generation else { return false }
        let isFirst = activePath == nil && generation == 0
        generation = chosen
        paths[path]?.generation = chosen
        activate(path)
        if !isFirst { events.append(.tookOver(path, generation: chosen)) }
        return true
    }

    /// The dialer learns that the called side follows.
    mutating func followed(_ path: PathID, generation chosen: UInt64) {
        paths[path]?.mayReceiveRecords = true
        // A later choice is on its way: this one is history.
        guard path == activePath, chosen == generation else { return }
        if chosen > 1 { events.append(.tookOver(path, generation: chosen)) }
        for (other, state) in paths where other != path && state.generation > 0 { retire(other, .superseded) }
    }

    /// Closes a path for good, after a last frame.
    mutating func retire(_ path: PathID, _ reason: PathCloseReason) {
        guard paths[path]?.closing == .open else { return }
        paths[path]?.closing = .owed(reason)
    }

    /// A path broke the protocol.
    mutating func failPath(_ path: PathID, _ error: SessionError) {
        paths[path]?.isDeaf = true
        events.append(.failedPath(path, error))
        retire(path, .protocolError)
        leave(path)
    }

    /// Goes on without a path: on another one, if the dialer has one.
    mutating func leave(_ path: PathID) {
        guard state != .ended else { return }
        if path == activePath {
            activePath = nil
            if role == .dialer, let next = bestPath { choose(next) }
        }
        guard !isWithoutPath, !paths.values.contains(where: \.isUsable) else { return }
        isWithoutPath = true
        events.append(.withoutPath)
    }

    /// The best path that is up: by kind, then one that was answered on, then the newest.
    private var bestPath: PathID? {
        func rank(_ path: PathID, _ state: SessionPath) -> (UInt8, Int, UInt64) { (state.kind.preference, state.isOpened ? 1 : 0, path.rawValue) }
        return paths.filter(\.value.isUsable).max { rank($0.key, $0.value) < rank($1.key, $1.value) }?.key
    }
}
