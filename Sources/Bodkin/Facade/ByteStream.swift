public import BodkinProtocols
import BodkinTransport
public import NIOCore
import Synchronization

/// One of a connection's streams: bytes in both directions, each with its own end.
///
/// ```swift
/// let stream = try await connection.openStream()
/// try await stream.write("request".utf8)
/// try await stream.finish()
/// while let piece = try await stream.read() { handle(piece) }
/// ```
public struct ByteStream: Sendable {
    /// The most bytes that one read gives unless told otherwise: 64 KiB.
    public static let defaultLimit = 65_536

    /// Which one: 0 is the default stream.
    public let id: StreamID
    private let connection: Connection
    private let state: State

    /// What all copies know of a stream, and the session forgets with it.
    final class State: Sendable {
        let isGivenUp = Atomic(false)
    }

    init(id: StreamID, _ connection: Connection, _ state: State = State()) {
        self.id = id
        self.connection = connection
        self.state = state
    }

    /// Writes bytes. Returns when the connection has accepted them. While the remote peer does not read, the call waits (backpressure).
    ///
    /// - Throws: `ConnectionError`; `CancellationError` when the task is cancelled: an unknown part of the bytes was taken then.
    public func write(_ bytes: some Sequence<UInt8>) async throws { try await write(ByteBuffer(bytes: bytes)) }

    /// Writes bytes, as ``write(_:)`` of a sequence does, without a copy of their own.
    public func write(_ bytes: ByteBuffer) async throws {
        var rest = bytes
        guard rest.readableBytes > 0 else { return }
        if let record = connection.recordHere {
            try Task.checkCancellation()
            record.driver.writeNow(&rest, to: id)
            if rest.readableBytes == 0 { return }
        }
        try await connection.call { [id, rest] in
            $0.driver.write(rest, to: id, for: $1, complete: $2)
        } cancel: { [id] in
            $0.driver.cancelWrite(to: id, for: $1)
        }
    }

    /// Reads what is there, at most `limit` bytes; waits while there is nothing; nil at the end.
    ///
    /// - Throws: `ConnectionError`; `CancellationError` when the task is cancelled: nothing is lost then.
    public func read(upTo limit: Int = defaultLimit) async throws -> [UInt8]? { try await readBuffer(upTo: limit).map { Array(buffer: $0) } }

    /// Reads as ``read(upTo:)`` does, without a copy of its own. With ``Peer/executor``, and the bytes written on as they are, the fastest way through.
    ///
    /// ```swift
    /// while let piece = try await stream.readBuffer() { try await other.write(piece) }
    /// ```
    public func readBuffer(upTo limit: Int = defaultLimit) async throws -> ByteBuffer? {
        guard !state.isGivenUp.load(ordering: .relaxed) else { throw ConnectionError.finished }
        let limit = max(1, limit)
        if let record = connection.recordHere {
            try Task.checkCancellation()
            if let result = record.driver.readNow(id, limit: limit) { return try result.get() }
        }
        // Elsewhere, each read changes threads twice: then it is better to have more at once.
        let isJoined = connection.recordHere == nil
        return try await connection.call { [id] in
            $0.driver.read(id, limit: limit, isJoined: isJoined, for: $1, complete: $2)
        } cancel: { [id] in
            $0.driver.cancelRead(id, for: $1)
        }
    }

    /// Ends the local half after everything written: the remote peer reads its end. The other half goes on.
    public func finish() async throws { connection.execute { [id] in $0.driver.finish(id) } }

    /// Gives up the stream, both halves, at once; the remote peer sees `code`.
    public func reset(code: UInt64 = 0) {
        state.isGivenUp.store(true, ordering: .relaxed)
        connection.execute { [id] in $0.driver.reset(id, code: code) }
    }

    /// Reads no more of the stream: what has arrived is dropped, and the remote peer's writes fail with `code`. The local half goes on.
    public func stopReading(code: UInt64 = 0) {
        state.isGivenUp.store(true, ordering: .relaxed)
        connection.execute { [id] in $0.driver.stopReading(id, code: code) }
    }

    /// The bytes that arrive, in pieces as they come, until the end.
    public var bytes: Bytes { Bytes(stream: self) }

    /// The pieces that arrive on a stream.
    public struct Bytes: AsyncSequence, Sendable {
        /// A piece: at least one byte.
        public typealias Element = [UInt8]
        let stream: ByteStream

        /// Reads one piece after another.
        public struct AsyncIterator: AsyncIteratorProtocol {
            let stream: ByteStream
            /// The next piece; nil at the end.
            public mutating func next() async throws -> [UInt8]? { try await stream.read() }
        }

        /// An iterator; only one may be in use at a time.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: stream) }
    }
}
