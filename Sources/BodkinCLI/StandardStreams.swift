import Bodkin
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
    /// Serves the connection until both sides have ended, and closes it.
    static func serve(_ connection: Connection, _ log: EventLog) async throws {
        // Who reads our output no more is found out by writing.
        signal(SIGPIPE, SIG_IGN)
        try await withThreads(2) { threads in
            let input = try DescriptorReader(0, threads)
            let output = try DescriptorWriter(1, threads)
            try await finishing(connection, log) { try await StreamPump(connection: connection, input: input, output: output).run() }
        }
    }

    /// Runs `body`, and closes the connection in good order afterwards: at once where `body` throws.
    static func finishing(_ connection: Connection, _ log: EventLog, _ body: () async throws -> Void) async throws {
        do {
            try await body()
            try await connection.close()
            log.ended(await connection.report)
        } catch {
            connection.abort(reason: error is CancellationError ? "interrupted" : "failed")
            log.ended(await connection.report)
            throw error
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
