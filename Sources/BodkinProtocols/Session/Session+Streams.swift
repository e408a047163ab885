package import NIOCore

extension Session {
    /// Opens a stream; nil where the remote peer allows no more now, or ``Configuration/localStreams`` are alive. Then ``Event/streamsAvailable``
    /// says when to try again. The remote peer hears of it with its first bytes, FIN or reset.
    package mutating func openStream() -> StreamID? {
        guard state == .open, remoteClosing == nil else { return nil }
        guard mayOpenStream else {
            wantsStream = true
            return nil
        }
        let id = StreamID.opened(by: role, index: openedLocally)
        openedLocally += 1
        aliveLocally += 1
        streams[id] = newStream()
        return id
    }

    /// Offers bytes to a stream, and says how many were taken. Where that is not all, ``Event/writable(_:)`` says when to offer the rest.
    /// A stream that is finished, reset, stopped by the remote peer or over takes nothing, and neither does a session that is closing.
    package mutating func write(_ bytes: ByteBuffer, to stream: StreamID) -> Int {
        guard state == .open, remoteClosing == nil, bytes.readableBytes > 0 else { return 0 }
        let buffer = sendBuffer
        guard let written = streams[stream]?.write(bytes, buffer: buffer) else { return 0 }
        queuedBytes += written.accepted
        if let bytes = written.begins { ready.append(stream, bytes: bytes) }
        if isConfirmed, written.owesBlocked { oweControl(stream) }
        return written.accepted
    }

    /// Ends this side's half of a stream after everything written.
    package mutating func finish(_ stream: StreamID) {
        guard state == .open else { return }
        streams[stream]?.outbound.finish()
        if streams[stream]?.outbound.owesBareFIN == true { oweControl(stream) }
    }

    /// Ends this side's half of a stream at once: what was not sent is dropped. Nothing happens where everything, with the end, was sent already.
    package mutating func reset(_ stream: StreamID, code: UInt64) {
        guard let dropped = streams[stream]?.outbound.reset(code: code) else { return }
        queuedBytes -= dropped
        oweControl(stream)
    }

    /// Asks the remote peer to reset its half of a stream; what arrives of it is dropped from now on.
    package mutating func stopSending(_ stream: StreamID, code: UInt64) {
        guard let dropped = streams[stream]?.inbound.stop(code: code) else { return }
        receiveWindow.consume(dropped)
        oweControl(stream)
        forgetIfDone(stream)
    }

    /// Reads at most `limit` bytes. Reading is what lets the remote peer send more. A stream that is over, or never was, is at its end.
    /// - Parameter isJoined: whether to copy into one buffer what lies in several; otherwise it may be less than there is.
    package mutating func read(_ stream: StreamID, limit: Int, isJoined: Bool = true) -> StreamRead {
        guard let (result, owesControl) = streams[stream]?.read(limit, isJoined: isJoined) else { return .end }
        switch result {
        case .bytes(let bytes):
            receiveWindow.consume(bytes.readableBytes)
            if owesControl { oweControl(stream) }
            reportExhausted(stream)
        case .end where owesControl: oweControl(stream)
        case .end, .reset: forgetIfDone(stream)
        case .nothing: break
        }
        return result
    }

    /// Whether a stream will take bytes, now or when there is room: it is neither finished nor reset, nor stopped by the remote peer.
    package func takesBytes(_ stream: StreamID) -> Bool { state == .open && remoteClosing == nil && streams[stream]?.outbound.takesBytes == true }

    /// Whether this side has said that it wants no more of a stream.
    package func isStopped(_ stream: StreamID) -> Bool { streams[stream]?.inbound.isStopped == true }

    /// Whether a stream exists: one of its halves is not over yet.
    package func isAlive(_ stream: StreamID) -> Bool { streams[stream] != nil }
}

extension Session {
    /// Above so many waiting bytes of all streams each may have less: what waits in megabytes is in no cache when its turn comes.
    private static let amplyQueued = 1 << 20
    private static let scantBuffer = 32_768

    /// How many bytes of one stream may wait to be packed.
    var sendBuffer: Int { queuedBytes < Self.amplyQueued ? configuration.streamSendBuffer : min(configuration.streamSendBuffer, Self.scantBuffer) }

    func newStream() -> SessionStream {
        let window = FlowWindow(size: configuration.streamWindow, largest: configuration.largestStreamWindow)
        return SessionStream(outbound: OutboundHalf(limit: remoteLimits.streamData), inbound: InboundHalf(window: window))
    }

    /// Puts a stream that may send into the queue of those that do.
    mutating func schedule(_ id: StreamID) {
        if streams[id]?.outbound.schedule() == true { ready.append(id, bytes: streams[id]?.outbound.sendable ?? 0) }
    }

    /// Puts a stream into the queue of those that owe a control frame.
    mutating func oweControl(_ id: StreamID) {
        if streams[id]?.joinControlQueue() == true { control.append(id) }
    }

    private var mayOpenStream: Bool { openedLocally < remoteLimits.streams && aliveLocally < configuration.localStreams }

    /// Tells an application that waits for streams that there are some.
    mutating func offerStreams() {
        guard wantsStream, mayOpenStream, state == .open else { return }
        wantsStream = false
        events.append(.streamsAvailable)
    }

    /// Forgets a stream if nothing can come of it any more.
    mutating func forgetIfDone(_ id: StreamID) { if streams[id]?.isDone == true { forget(id) } }

    /// Forgets a stream, and so makes room for another.
    mutating func forget(_ id: StreamID) {
        streams[id] = nil
        guard let opener = id.opening?.role else { return }
        if opener == role {
            aliveLocally -= 1
            offerStreams()
        } else {
            forgottenRemotely += 1
            considerStreamLimit()
        }
    }

    /// Owes a MAX_STREAMS where the remote peer has less than half of its streams left, and may have more.
    mutating func considerStreamLimit() {
        let most = UInt64(configuration.remoteStreams)
        if remoteStreamLimit - openedRemotely <= most / 2, most + forgottenRemotely > remoteStreamLimit { owesStreamLimit = true }
    }

    /// The limit for a MAX_STREAMS that is packed now.
    mutating func takeStreamLimit() -> UInt64 {
        owesStreamLimit = false
        remoteStreamLimit = UInt64(configuration.remoteStreams) + forgottenRemotely
        return remoteStreamLimit
    }
}
