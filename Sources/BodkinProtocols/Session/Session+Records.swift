import NIOCore

extension Session {
    /// The most bytes received before an acknowledgement is due within a burst: a quarter of what may be under way on any path.
    static var acknowledgementInterval: Int { 256 << 10 }

    /// Takes in a record: the expected one is processed, an older one dropped as a duplicate of a replay.
    mutating func receiveRecord(_ number: UInt64, _ frames: ByteBuffer) throws(SessionError) {
        guard number <= nextExpected else { throw SessionError(.recordGap, "record \(number) came where \(nextExpected) was expected") }
        guard state != .ended else { return }
        // A duplicate is acknowledged too: a long replay shows that way that it arrives.
        unreportedBytes += frames.readableBytes + 1
        if unreportedBytes >= Self.acknowledgementInterval { owesAcknowledgement = true }
        guard number == nextExpected else { return }
        nextExpected += 1
        if case .aborting = state { return }
        var frames = frames
        guard frames.readableBytes > 0 else { throw SessionError(.protocolViolation, "a record without frames") }
        while frames.readableBytes > 0, state != .ended { try process(SessionFrame(from: &frames)) }
    }

    private mutating func process(_ frame: SessionFrame) throws(SessionError) {
        switch frame {
        case .padding, .ping, .streamsBlocked: break
        case .dataBlocked(let limit):
            if receiveWindow.senderIsBlocked(at: limit), receiveWindow.size < configuration.largestConnectionWindow { events.append(.windowWanted) }
        case .stream(let id, let bytes, let isLast): try receiveStream(id, bytes, isLast: isLast)
        case .resetStream(let id, let code, let finalSize): try receiveReset(id, code: code, finalSize: finalSize)
        case .stopSending(let id, let code): try receiveStop(id, code: code)
        case .streamDataBlocked(let id, let limit):
            try requireOpened(id)
            streams[id]?.inbound.senderIsBlocked(at: limit)
            if streams[id]?.inbound.owesLimit == true { oweControl(id) }
        case .maxData(let limit): remoteLimits.data = max(remoteLimits.data, limit)
        case .maxStreamData(let id, let limit):
            try requireOpened(id)
            streams[id]?.outbound.raiseLimit(to: limit)
            schedule(id)
        case .maxStreams(let count):
            remoteLimits.streams = max(remoteLimits.streams, count)
            offerStreams()
        case .streamRead(let id, let count, let isEnd):
            try requireOpened(id)
            try streams[id]?.outbound.receiveRead(count, isEnd: isEnd)
            if isEnd { forgetIfDone(id) }
        case .closing(let code, let reason): receiveClosing(.remote(code: code, reason: reason))
        case .close(let code, let reason): receiveClose(.remote(code: code, reason: reason))
        case .transportClose(let code, _, let reason): receiveClose(.remoteProtocolError(code: code, reason: reason))
        }
    }

    /// The remote peer's first limits, which hold for every stream.
    mutating func raise(to limits: InitialLimits) {
        remoteLimits.data = max(remoteLimits.data, limits.data)
        remoteLimits.streamData = max(remoteLimits.streamData, limits.streamData)
        remoteLimits.streams = max(remoteLimits.streams, limits.streams)
        for id in streams.keys {
            streams[id]?.outbound.raiseLimit(to: limits.streamData)
            schedule(id)
        }
        offerStreams()
    }

    /// Checks that a stream exists or existed, and opens it, with all of lower number, where the remote peer may open it.
    private mutating func requireOpened(_ id: StreamID) throws(SessionError) {
        guard id != .initial else { return }
        guard let (opener, index) = id.opening else { throw SessionError(.streamState, "a frame for a one-directional stream") }
        guard opener != role else {
            guard index < openedLocally else { throw SessionError(.streamState, "a frame for a stream that this side has not opened") }
            return
        }
        guard index < remoteStreamLimit else { throw SessionError(.streamLimit, "more streams than allowed") }
        while openedRemotely <= index {
            let opened = StreamID.opened(by: opener, index: openedRemotely)
            openedRemotely += 1
            streams[opened] = newStream()
            events.append(.opened(opened))
        }
        considerStreamLimit()
    }

    private mutating func receiveStream(_ id: StreamID, _ bytes: ByteBuffer, isLast: Bool) throws(SessionError) {
        guard UInt64(bytes.readableBytes) <= receiveWindow.room else {
            throw SessionError(.flowControl, "more bytes than the connection's window allows")
        }
        guard let received = try receive(bytes, isLast: isLast, on: id) else {
            throw SessionError(.streamState, "a STREAM frame for a stream that is over")
        }
        receiveWindow.receive(bytes.readableBytes)
        receiveWindow.consume(received.dropped)
        if received.signals { events.append(.readable(id)) }
        if isLast { reportExhausted(id) }
        if received.isDone { forget(id) }
    }

    /// Nil where the stream is over. Most streams are there: only one that is not may be opened by this.
    private mutating func receive(_ bytes: ByteBuffer, isLast: Bool, on id: StreamID) throws(SessionError) -> SessionStream.Received? {
        if let received = try streams[id]?.receive(bytes, isLast: isLast) { return received }
        try requireOpened(id)
        return try streams[id]?.receive(bytes, isLast: isLast)
    }

    private mutating func receiveReset(_ id: StreamID, code: UInt64, finalSize: UInt64) throws(SessionError) {
        try requireOpened(id)
        let dropped = try streams[id]?.inbound.receiveReset(code: code, finalSize: finalSize) ?? 0
        receiveWindow.consume(dropped)
        settle(id)
    }

    private mutating func receiveStop(_ id: StreamID, code: UInt64) throws(SessionError) {
        try requireOpened(id)
        let written = streams[id]?.outbound.written ?? 0
        guard let (dropped, owesReset) = streams[id]?.outbound.stop(code: code) else { return }
        if written > 0 { hasUnread = true }
        queuedBytes -= dropped
        if owesReset { oweControl(id) } else { forgetIfDone(id) }
        events.append(.stopped(id, code: code))
    }

    /// Tells the application what changed on a stream, and forgets the stream if it is over.
    private mutating func settle(_ id: StreamID) {
        if streams[id]?.inbound.shouldSignal() == true { events.append(.readable(id)) }
        forgetIfDone(id)
    }
}
