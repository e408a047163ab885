import Bodkin
import BodkinTransport
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard input and output as one connection.
enum StandardStreams {
    /// After this time a command says what it waits for at the end.
    private static let patience = Duration.seconds(3)

    /// Serves the connection until the directions in use have ended, and closes it.
    static func serve(_ connection: Connection, _ directions: PipeDirections, _ reserve: AlarmReserve, _ log: EventLog) async throws {
        // Who reads our output no more is found out by writing.
        signal(SIGPIPE, SIG_IGN)
        defer { reserve.refill() }
        try await withThreads(2) { threads in
            let input = directions == .receiveOnly ? nil : try DescriptorReader(STDIN_FILENO, threads, reserve)
            let output = directions == .sendOnly ? nil : try DescriptorWriter(STDOUT_FILENO, threads, reserve)
            let pump = StreamPump(connection: connection, input: input, output: output) { log.waits(for: $0, of: connection.peer) }
            try await finishing(connection, log) { try await pump.run() }
        }
    }

    /// Runs `body`, and closes the connection when the remote peer has read everything. If `body` throws, it aborts the connection.
    /// - Throws: what `body` throws; ``CommandFailure`` if the remote peer has not read everything.
    static func finishing(_ connection: Connection, _ log: EventLog, _ body: () async throws -> StreamPump.Upload) async throws {
        do {
            let upload = try await body()
            let isRead = try await close(connection, log)
            log.ended(await connection.report)
            switch upload {
            case .whole where isRead: return
            case .whole: throw CommandFailure.unread(nil)
            case .cut(let error): throw CommandFailure.unread(error)
            }
        } catch {
            let (code, reason) = CloseCode.of(error)
            // Without effect on a connection that is closed.
            connection.abort(code: code, reason: reason)
            log.ended(await connection.report)
            throw error
        }
    }

    /// Closes the connection, however long the remote peer takes to read, and says so where that is long.
    private static func close(_ connection: Connection, _ log: EventLog) async throws -> Bool {
        let notice = Task {
            try await Task.sleep(for: patience)
            log.waits(for: .remoteRead, of: connection.peer)
        }
        defer { notice.cancel() }
        return try await connection.close()
    }
}

/// The codes with which the commands close a connection. They are for the messages of the remote command alone.
enum CloseCode {
    static let done: UInt64 = 0
    static let interrupted: UInt64 = 1
    static let failed: UInt64 = 2
    static let full: UInt64 = 3

    /// Returns the code and the reason for an error.
    static func of(_ error: any Error) -> (code: UInt64, reason: String) {
        switch error {
        case is CancellationError: (interrupted, "interrupted")
        case is BrokenOutput: (failed, "nobody reads its output")
        case let error as DescriptorError where error.isExhausted: (full, "it has no descriptor left")
        case is DescriptorError: (failed, "its input or output failed")
        default: (failed, "failed")
        }
    }
}

/// Runs `body` with threads of its own, for what blocks.
func withThreads(_ count: Int, _ body: (NIOThreadPool) async throws -> Void) async throws {
    let threads = NIOThreadPool(numberOfThreads: count)
    threads.start()
    do {
        try await body(threads)
    } catch {
        try? await threads.shutdownGracefully()
        throw error
    }
    try? await threads.shutdownGracefully()
}
