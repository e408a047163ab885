import NIOPosix

@testable import BodkinCLI

/// A program beside a test. It inherits none of the sockets of other tests, which would stay open as long as it runs.
struct Program {
    private let child: ChildProcess
    private let threads = NIOThreadPool(numberOfThreads: 1)

    /// Starts a shell with a command. It reads an empty input.
    init(_ command: String) throws {
        child = try ChildProcess(["/bin/bash", "-c", command], environment: [:])
        threads.start()
        try DescriptorWriter(child.input, threads).close()
    }

    /// Everything that the program writes, until it ends.
    func output() async throws -> String {
        let reader = try DescriptorReader(child.output, threads)
        var bytes: [UInt8] = []
        while let piece = try await reader.read() { bytes += piece }
        await child.wait(on: threads)
        try await threads.shutdownGracefully()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Runs `body`, and then ends the program.
    func run<Result: Sendable>(while body: () async throws -> Result) async throws -> Result {
        let (child, threads) = (child, threads)
        let waiting = Task { await child.wait(on: threads) }
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        waiting.cancel()
        await waiting.value
        try await threads.shutdownGracefully()
        return try result.get()
    }
}

/// Everything that a program writes, on both its outputs, within ten seconds.
func output(of command: String) async throws -> String {
    try await Program("exec 2>&1; exec timeout 10 sh -c '\(command)'").output()
}
