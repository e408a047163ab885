public import BodkinProtocols
public import NIOCore

/// What applications do with streams: each waits in a promise until the session can.
extension SessionDriver {
    struct Reader {
        let call: ObjectIdentifier
        var limit: Int
        var promise: EventLoopPromise<ByteBuffer?>
    }

    struct Writer {
        let call: ObjectIdentifier
        var rest: ByteBuffer
        var promise: EventLoopPromise<Void>
    }

    /// How many streams of the far side's opening may wait to be accepted: as many as it may open.
    private static let waitingStreamLimit = 65_536

    /// Reads at most `limit` bytes; nil at the end. `call` names whoever waits, here and in what follows.
    public func read(_ stream: StreamID, limit: Int, for call: ObjectIdentifier) -> EventLoopFuture<ByteBuffer?> {
        guard readers[stream] == nil else { return eventLoop.makeFailedFuture(ConnectionError.busy) }
        let promise = eventLoop.makePromise(of: ByteBuffer?.self)
        readers[stream] = Reader(call: call, limit: limit, promise: promise)
        resumeReader(of: stream)
        drive()
        return promise.futureResult
    }

    /// Gives up waiting for bytes.
    public func cancelRead(_ stream: StreamID, for call: ObjectIdentifier) {
        guard readers[stream]?.call == call else { return }
        readers.removeValue(forKey: stream)?.promise.fail(CancellationError())
    }

    /// Writes bytes; done when the session has taken all of them.
    public func write(_ bytes: ByteBuffer, to stream: StreamID, for call: ObjectIdentifier) -> EventLoopFuture<Void> {
        if let closeReason { return eventLoop.makeFailedFuture(ConnectionError.closed(closeReason)) }
        let promise = eventLoop.makePromise(of: Void.self)
        writers[stream, default: []].append(Writer(call: call, rest: bytes, promise: promise))
        if writers[stream]?.count == 1 { resumeWriters(of: stream) }
        drive()
        return promise.futureResult
    }

    /// Gives up what waits to be taken.
    public func cancelWrite(to stream: StreamID, for call: ObjectIdentifier) {
        guard let index = writers[stream]?.firstIndex(where: { $0.call == call }) else { return }
        writers[stream]?.remove(at: index).promise.fail(CancellationError())
        // The next one is at the front now.
        if writers[stream]?.isEmpty == true { writers[stream] = nil } else if index == 0 { resumeWriters(of: stream) }
        drive()
    }

    /// Ends our half of a stream after what was written.
    public func finish(_ stream: StreamID) {
        session.finish(stream)
        drive()
    }

    /// Ends our half of a stream at once, and wants no more of the other.
    public func reset(_ stream: StreamID, code: UInt64) {
        session.reset(stream, code: code)
        session.stopSending(stream, code: code)
        failWriters(of: stream, ConnectionError.stopped(code))
        resumeReader(of: stream)
        drive()
    }

    /// Opens a stream, as soon as the far side allows one more.
    public func openStream(for call: ObjectIdentifier) -> EventLoopFuture<StreamID> {
        if let closeReason { return eventLoop.makeFailedFuture(ConnectionError.closed(closeReason)) }
        let promise = eventLoop.makePromise(of: StreamID.self)
        openers.append((call, promise))
        resumeOpeners()
        drive()
        return promise.futureResult
    }

    /// The next stream that the far side has opened.
    public func acceptStream(for call: ObjectIdentifier) -> EventLoopFuture<StreamID> {
        if !opened.isEmpty { return eventLoop.makeSucceededFuture(opened.removeFirst()) }
        if let closeReason { return eventLoop.makeFailedFuture(ConnectionError.closed(closeReason)) }
        let promise = eventLoop.makePromise(of: StreamID.self)
        accepters.append((call, promise))
        return promise.futureResult
    }

    /// Gives up waiting for a stream.
    public func cancelStream(for call: ObjectIdentifier) {
        if let index = accepters.firstIndex(where: { $0.call == call }) { accepters.remove(at: index).promise.fail(CancellationError()) }
        if let index = openers.firstIndex(where: { $0.call == call }) { openers.remove(at: index).promise.fail(CancellationError()) }
    }

    /// Ends the session after everything written; done when the far side has acknowledged that, or the session is over otherwise.
    public func close(code: UInt64, reason: String) -> EventLoopFuture<Void> {
        guard closeReason == nil else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        closers.append(promise)
        session.close(code: code, reason: reason)
        drive()
        return promise.futureResult
    }

    func accept(_ stream: StreamID) {
        if !accepters.isEmpty {
            accepters.removeFirst().promise.succeed(stream)
        } else if opened.count < Self.waitingStreamLimit {
            opened.append(stream)
        }
    }

    func resumeOpeners() {
        while !openers.isEmpty, let stream = session.openStream() { openers.removeFirst().promise.succeed(stream) }
    }

    func resumeReader(of stream: StreamID) {
        guard let reader = readers[stream] else { return }
        let result: Result<ByteBuffer?, any Error>
        switch session.read(stream, limit: reader.limit) {
        case .bytes(let bytes): result = .success(bytes)
        case .end: result = .success(nil)
        case .reset(let code): result = .failure(ConnectionError.reset(code))
        case .nothing where session.isStopped(stream): result = .failure(ConnectionError.finished)
        case .nothing:
            guard let closeReason else { return }
            // A far side that closes in good order has said everything.
            if case .remote(0, _) = closeReason { result = .success(nil) } else { result = .failure(ConnectionError.closed(closeReason)) }
        }
        readers[stream] = nil
        reader.promise.completeWith(result)
    }

    func resumeWriters(of stream: StreamID) {
        while var writer = writers[stream]?.first {
            let taken = session.write(writer.rest, to: stream)
            writer.rest.moveReaderIndex(forwardBy: taken)
            guard writer.rest.readableBytes == 0 else {
                if taken == 0, !session.takesBytes(stream) { return failWriters(of: stream, ConnectionError.finished) }
                writers[stream]?[0] = writer
                return
            }
            writers[stream]?.removeFirst()
            writer.promise.succeed()
        }
        writers[stream] = nil
    }

    func failWriters(of stream: StreamID, _ error: any Error) {
        for writer in writers.removeValue(forKey: stream) ?? [] { writer.promise.fail(error) }
    }
}
