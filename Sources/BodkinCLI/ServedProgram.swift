import Bodkin

/// A program that serves one connection with its standard input and output.
struct ServedProgram: Sendable {
    let command: String

    /// Serves the connection until the program has ended and the remote peer has read its output. Others that the program leaves behind go on without the
    /// connection.
    /// - Parameter onBytes: hears of each piece that the connection carries, in either direction.
    func serve(_ connection: Connection, _ log: EventLog, onBytes: @escaping @Sendable () -> Void = {}) async throws {
        try await withThreads(3) { threads in
            try await StandardStreams.finishing(connection, log) {
                let child = try ChildProcess(["/bin/sh", "-c", command], environment: ["BODKIN_PEER": "\(connection.peer)"])
                let output = try DescriptorWriter(child.input, threads)
                let input = try DescriptorReader(child.output, threads)
                defer { output.close() }
                let program = StreamPump.Companion {
                    await child.wait(on: threads)
                } closeOutput: {
                    child.closeOutput()
                }
                return try await StreamPump(connection: connection, input: input, output: output, companion: program, onBytes: onBytes).run()
            }
        }
    }
}
