import Bodkin
import BodkinTransport

/// A pump between a connection's default stream and two descriptors, one for input and one for output.
///
/// Each direction has backpressure, ends by itself, and half-closes its target.
struct StreamPump: Sendable {
    let connection: Connection
    let input: DescriptorReader
    let output: DescriptorWriter
    /// A further task that must end before the connection does; with it the pump does not wait for the remote peer's end.
    var companion: (@Sendable () async -> Void)?

    private enum Step: Sendable {
        case uploaded, downloaded, closed, outputBroken, companionEnded
    }

    /// Runs until both directions have ended, or until the remote peer has closed the connection.
    /// - Throws: ``ConnectionError`` if the connection was lost before the end of its bytes.
    func run() async throws {
        try await withThrowingTaskGroup(of: Step.self) { group in
            group.addTask { try await upload() }
            group.addTask { try await download() }
            group.addTask { await watch() }
            if let companion {
                group.addTask {
                    await companion()
                    return .companionEnded
                }
            }
            var seen: Set<Step> = []
            while !isOver(seen), let step = try await group.next() { seen.insert(step) }
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }

    private func isOver(_ seen: Set<Step>) -> Bool {
        // The bytes that the remote peer sent before it closed are still to be written.
        if seen.contains(.closed) && !seen.isDisjoint(with: [.downloaded, .outputBroken]) { return true }
        if companion != nil { return seen.isSuperset(of: [.uploaded, .companionEnded]) }
        return seen.contains(.outputBroken) || seen.isSuperset(of: [.uploaded, .downloaded])
    }

    private func upload() async throws -> Step {
        do {
            while let piece = try await input.read() { try await connection.write(piece) }
            try await connection.finish()
        } catch is ConnectionError {
            // The remote peer takes no more bytes. The download reports the reason.
        }
        return .uploaded
    }

    private func download() async throws -> Step {
        do {
            for try await piece in connection.bytes { try await output.write(piece) }
            if companion != nil { output.close() }
            return .downloaded
        } catch let error as DescriptorError where error.isBrokenPipe {
            return .outputBroken
        }
    }

    /// Waits for the end of the connection, and refuses further streams.
    private func watch() async -> Step {
        while let stream = try? await connection.acceptStream() { stream.reset(code: 1) }
        return .closed
    }
}
