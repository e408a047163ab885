public import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// A connection to a peer: mutually authenticated, encrypted end to end, a default byte stream and further streams, on whatever path there is.
///
/// ```swift
/// try await connection.write("hello\n".utf8)
/// for try await piece in connection.bytes { print(String(decoding: piece, as: UTF8.self)) }
/// let isDelivered = try await connection.close()
/// ```
public final class Connection: Sendable {
    /// The remote peer, proved by its key.
    public let peer: PeerID
    private let bound: NIOLoopBound<SessionRecord>
    private let eventLoop: any EventLoop
    private let defaultStream = ByteStream.State()

    init(_ record: SessionRecord) {
        peer = record.driver.peer
        eventLoop = record.driver.eventLoop
        bound = NIOLoopBound(record, eventLoop: eventLoop)
    }

    // MARK: The default stream

    /// The stream that exists from the start, at both ends.
    public var stream: ByteStream { ByteStream(id: .initial, self, defaultStream) }
    /// The bytes that arrive on the default stream, in pieces as they come, until its end.
    public var bytes: ByteStream.Bytes { stream.bytes }
    /// Writes to the default stream; see `ByteStream.write(_:)`.
    public func write(_ bytes: some Sequence<UInt8>) async throws { try await stream.write(bytes) }
    /// Reads from the default stream; see ``ByteStream/read(upTo:)``.
    public func read(upTo limit: Int = ByteStream.defaultLimit) async throws -> [UInt8]? { try await stream.read(upTo: limit) }
    /// Ends our half of the default stream; see ``ByteStream/finish()``.
    public func finish() async throws { try await stream.finish() }

    // MARK: Further streams

    /// Opens a stream, as soon as the remote peer allows one more. The first bytes announce it to the remote peer.
    public func openStream() async throws -> ByteStream {
        ByteStream(
            id: try await wait {
                $0.driver.openStream(for: $1)
            } cancel: {
                $0.driver.cancelStream(for: $1)
            }, self)
    }

    /// The next stream that the remote peer opens.
    public func acceptStream() async throws -> ByteStream {
        ByteStream(
            id: try await wait {
                $0.driver.acceptStream(for: $1)
            } cancel: {
                $0.driver.cancelStream(for: $1)
            }, self)
    }

    // MARK: How it is

    /// How the connection came about, as far as is known now.
    public var report: ConnectionReport {
        get async { await withCheckedContinuation { continuation in execute { continuation.resume(returning: $0.report) } } }
    }

    /// How the connection came about, once nothing is tried any more: it is direct, or it stays relayed, or it is over.
    public func settled() async throws -> ConnectionReport {
        try await wait {
            $0.settled(for: $1)
        } cancel: {
            $0.cancelSettled(for: $1)
        }
    }

    // MARK: Ending

    /// Ends the connection after everything that was written. Finishes every stream, waits until the remote application has read everything, and closes.
    ///
    /// The local application reads no more afterwards. Writes of the remote application fail from now on, and its reads give what was written here, and then
    /// the end. If the remote application stops reading, the local one waits as long as the connection lives, unless it sets a limit.
    ///
    /// ```swift
    /// guard try await connection.close() else { throw TransferError.cut }
    /// ```
    ///
    /// - Parameters:
    ///   - code: the application's own; 0 for all is well.
    ///   - reason: for people, at most 1 024 bytes.
    ///   - limit: the connection is aborted after this time; nil for no limit. A cancellation aborts it at once.
    /// - Returns: whether the remote application has read every byte that was written and not reset, and the end of every finished stream. It is
    ///   `false` after the limit, and after a connection that was lost or aborted by either peer.
    @discardableResult
    public func close(code: UInt64 = 0, reason: String = "", within limit: Duration? = nil) async throws -> Bool {
        let eventLoop = eventLoop
        return try await wait { record, _ in
            let deadline = limit.map {
                OneShot(on: eventLoop, in: TimeAmount($0)) { [weak record] in
                    record?.driver.abort(code: max(code, 1), reason: reason.isEmpty ? "not read in time" : reason)
                }
            }
            let closing = record.driver.close(code: code, reason: reason)
            closing.assumeIsolated().whenComplete { _ in deadline?.cancel() }
            return closing
        } cancel: { record, _ in
            record.driver.abort(code: max(code, 1), reason: "interrupted")
        }
    }

    /// Ends the connection after everything that was written, as soon as the remote peer has it, whether or not its application reads it.
    func closeWithoutReading(within limit: Duration) async {
        let eventLoop = eventLoop
        _ = try? await wait { record, _ in
            let deadline = OneShot(on: eventLoop, in: TimeAmount(limit)) { [weak record] in
                record?.driver.abort(code: 1, reason: "not received in time")
            }
            let closing = record.driver.close(code: 0, reason: "", isReadAwaited: false)
            closing.assumeIsolated().whenComplete { _ in deadline.cancel() }
            return closing
        } cancel: { record, _ in
            record.driver.abort(code: 1, reason: "interrupted")
        }
    }

    /// Ends the connection at once: what was not sent is dropped.
    public func abort(code: UInt64 = 1, reason: String = "aborted") { execute { $0.driver.abort(code: code, reason: reason) } }

    // MARK: Inside

    /// What is behind it, where this runs on its event loop; nil elsewhere.
    var recordHere: SessionRecord? { eventLoop.inEventLoop ? bound.value : nil }

    func wait<T: Sendable>(
        _ begin: @escaping @Sendable (SessionRecord, ObjectIdentifier) -> EventLoopFuture<T>,
        cancel: @escaping @Sendable (SessionRecord, ObjectIdentifier) -> Void
    ) async throws -> T {
        let bound = bound
        return try await eventLoop.wait {
            begin(bound.value, $0)
        } cancel: {
            cancel(bound.value, $0)
        }
    }

    /// The same as ``wait(_:cancel:)`` for what happens most, without a future: `begin` is given whom to tell.
    func call<T: Sendable>(
        _ begin: @escaping @Sendable (SessionRecord, ObjectIdentifier, @escaping @Sendable (Result<T, any Error>) -> Void) -> Void,
        cancel: @escaping @Sendable (SessionRecord, ObjectIdentifier) -> Void
    ) async throws -> T {
        let call = Call()
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<T, any Error>) in
                // Where this is there already, its cancellation comes after it.
                if let record = recordHere { return begin(record, call.id) { continuation.resume(with: $0) } }
                execute { record in
                    if call.isCancelled { return continuation.resume(throwing: CancellationError()) }
                    begin(record, call.id) { continuation.resume(with: $0) }
                }
            }
        } onCancel: {
            call.cancel()
            // The call is kept until then: its name is not given to another.
            execute { cancel($0, call.id) }
        }
    }

    func execute(_ body: @escaping @Sendable (SessionRecord) -> Void) {
        let bound = bound
        eventLoop.execute { body(bound.value) }
    }
}
