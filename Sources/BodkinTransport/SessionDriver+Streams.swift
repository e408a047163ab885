package import BodkinProtocols
package import NIOCore
import OrderedCollections

/// What applications do with streams: each waits until the session can.
extension SessionDriver {
    /// Told what a read came to: bytes, or nil at the end.
    package typealias ReadCompletion = (Result<ByteBuffer?, any Error>) -> Void
    /// Told that everything was taken, or why not.
    package typealias WriteCompletion = (Result<Void, any Error>) -> Void

    /// How many streams that the remote peer opened may wait to be accepted: as many as it may open.
    private static let waitingStreamLimit = 65_536

    /// Reads at most `limit` bytes, in one buffer or as they lie; nil at the end. `call` names the caller that waits, here and in what follows.
    package func read(_ stream: StreamID, limit: Int, isJoined: Bool, for call: ObjectIdentifier, complete: @escaping ReadCompletion) {
        use()
        guard readers[stream] == nil else { return complete(.failure(ConnectionError.busy)) }
        if let result = outcome(of: session.read(stream, limit: limit, isJoined: isJoined), on: stream) {
            complete(result)
        } else {
            readers[stream] = Reader(call: call, limit: limit, isJoined: isJoined, complete: complete)
        }
        driveSoon()
    }

    /// What a stream has to read now, as it lies, at most `limit` bytes; nil where that is to be waited for, by ``read(_:limit:isJoined:for:complete:)``.
    package func readNow(_ stream: StreamID, limit: Int) -> Result<ByteBuffer?, any Error>? {
        use()
        guard readers[stream] == nil, let result = outcome(of: session.read(stream, limit: limit, isJoined: false), on: stream) else { return nil }
        driveSoon()
        return result
    }

    /// Writes as many bytes as the session takes now, and removes them from `bytes`. What is left is to be given to ``write(_:to:for:complete:)``.
    package func writeNow(_ bytes: inout ByteBuffer, to stream: StreamID) {
        use()
        guard writers[stream] == nil, closeReason == nil else { return }
        bytes.moveReaderIndex(forwardBy: session.write(bytes, to: stream))
        driveSoon()
    }

    /// Gives up waiting for bytes.
    package func cancelRead(_ stream: StreamID, for call: ObjectIdentifier) {
        guard readers[stream]?.call == call else { return }
        readers.removeValue(forKey: stream)?.complete(.failure(CancellationError()))
    }

    /// Writes bytes; done when the session has taken all of them.
    package func write(_ bytes: ByteBuffer, to stream: StreamID, for call: ObjectIdentifier, complete: @escaping WriteCompletion) {
        use()
        if let writeEndReason { return complete(.failure(ConnectionError.closed(writeEndReason))) }
        let writer = Writer(call: call, rest: bytes, complete: complete)
        if writers[stream]?.append(writer) == nil { offer(WriterQueue(writer), to: stream) }
        driveSoon()
    }

    /// Gives up what waits to be taken.
    package func cancelWrite(to stream: StreamID, for call: ObjectIdentifier) {
        guard let queue = writers.removeValue(forKey: stream) else { return }
        let rest = queue.writers.filter { $0.call != call }
        // The next one may be at the front now.
        if let rest = WriterQueue(rest) { offer(rest, to: stream) }
        for writer in queue.writers where writer.call == call { writer.complete(.failure(CancellationError())) }
        drive()
    }

    /// Ends our half of a stream after what was written.
    package func finish(_ stream: StreamID) {
        session.finish(stream)
        drive()
    }

    /// Ends our half of a stream at once, and wants no more of the other.
    package func reset(_ stream: StreamID, code: UInt64) {
        session.reset(stream, code: code)
        session.stopSending(stream, code: code)
        failWriters(of: stream, ConnectionError.stopped(code))
        readers.removeValue(forKey: stream)?.complete(.failure(ConnectionError.finished))
        drive()
    }

    /// Wants no more of the remote peer's half of a stream.
    package func stopReading(_ stream: StreamID, code: UInt64) {
        session.stopSending(stream, code: code)
        readers.removeValue(forKey: stream)?.complete(.failure(ConnectionError.finished))
        drive()
    }

    /// Opens a stream, as soon as the remote peer allows one more.
    package func openStream(for call: ObjectIdentifier) -> EventLoopFuture<StreamID> {
        use()
        if let writeEndReason { return eventLoop.makeFailedFuture(ConnectionError.closed(writeEndReason)) }
        let promise = eventLoop.makePromise(of: StreamID.self)
        openers.append((call, promise))
        resumeOpeners()
        drive()
        return promise.futureResult
    }

    /// The next stream that the remote peer has opened.
    package func acceptStream(for call: ObjectIdentifier) -> EventLoopFuture<StreamID> {
        use()
        if !opened.isEmpty { return eventLoop.makeSucceededFuture(opened.removeFirst()) }
        if let closeReason { return eventLoop.makeFailedFuture(ConnectionError.closed(closeReason)) }
        let promise = eventLoop.makePromise(of: StreamID.self)
        accepters.append((call, promise))
        return promise.futureResult
    }

    /// Gives up waiting for a stream.
    package func cancelStream(for call: ObjectIdentifier) {
        if let index = accepters.firstIndex(where: { $0.call == call }) { accepters.remove(at: index).promise.fail(CancellationError()) }
        if let index = openers.firstIndex(where: { $0.call == call }) { openers.remove(at: index).promise.fail(CancellationError()) }
    }

    /// Ends the session after everything written; done when the session is over, with whether the remote application has read everything.
    /// - Parameter isReadAwaited: whether the session waits for that application.
    package func close(code: UInt64, reason: String, isReadAwaited: Bool = true) -> EventLoopFuture<Bool> {
        guard closeReason == nil else { return eventLoop.makeSucceededFuture(session.isEverythingRead) }
        let promise = eventLoop.makePromise(of: Bool.self)
        closers.append(promise)
        session.close(code: code, reason: reason, isReadAwaited: isReadAwaited)
        // The session takes nothing more.
        for stream in Array(writers.keys) { failWriters(of: stream, ConnectionError.finished) }
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
        guard let reader = readers.removeValue(forKey: stream) else { return }
        if let result = outcome(of: session.read(stream, limit: reader.limit, isJoined: reader.isJoined), on: stream) {
            reader.complete(result)
        } else {
            readers[stream] = reader
        }
    }

    /// What a read comes to; nil where it is to wait.
    private func outcome(of read: StreamRead, on stream: StreamID) -> Result<ByteBuffer?, any Error>? {
        switch read {
        case .bytes(let bytes): return .success(bytes)
        case .end: return .success(nil)
        case .reset(let code): return .failure(ConnectionError.reset(code))
        case .nothing where session.isStopped(stream): return .failure(ConnectionError.finished)
        case .nothing:
            // Only its FIN ends a stream well, whatever the code of the close.
            return closeReason.map { .failure(ConnectionError.closed($0)) }
        }
    }

    func resumeWriters(of stream: StreamID) { if let queue = writers.removeValue(forKey: stream) { offer(queue, to: stream) } }

    /// Offers the session what writers have, one after the other; those whose bytes it does not take wait.
    private func offer(_ queue: WriterQueue, to stream: StreamID) {
        var queue = queue
        while true {
            let taken = session.write(queue.first.rest, to: stream)
            queue.first.rest.moveReaderIndex(forwardBy: taken)
            guard queue.first.rest.readableBytes == 0 else {
                writers[stream] = queue
                if taken == 0, !session.takesBytes(stream) { failWriters(of: stream, ConnectionError.finished) }
                return
            }
            let done = queue.first
            let isLast = !queue.advance()
            // Those that are left stand in the queue before anybody hears of it.
            if !isLast { writers[stream] = queue }
            done.complete(.success(()))
            guard !isLast, let rest = writers.removeValue(forKey: stream) else { return }
            queue = rest
        }
    }

    func failWriters(of stream: StreamID, _ error: any Error) {
        for writer in writers.removeValue(forKey: stream)?.writers ?? [] { writer.complete(.failure(error)) }
    }
}
