import Bodkin
import BodkinTransport

/// Joins a connection's default stream with two descriptors: what is read here goes to the far side, what comes from there is written here.
///
/// Each direction waits for the slower end, ends by itself, and half-closes what it feeds: nothing is lost, nothing piles up.
struct StreamPump: Sendable {
    let connection: Connection
    let input: DescriptorReader
    let output: DescriptorWriter
    /// What else must be over before the connection is: with it, the connection does not wait for the far side's end.
    var companion: (@Sendable () async -> Void)?

    private enum Step: Sendable {
        case uploaded, downloaded, closed, outputBroken, companionEnded
    }

    /// Runs until both directions have ended, or until the far side has closed the connection.
    /// - Throws: ``ConnectionError`` where the connection was lost before everything had come.
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
        // What the far side has sent before it closed is still to be written.
        if seen.contains(.closed) && !seen.isDisjoint(with: [.downloaded, .outputBroken]) { return true }
        if companion != nil { return seen.isSuperset(of: [.uploaded, .companionEnded]) }
        return seen.contains(.outputBroken) || seen.isSuperset(of: [.uploaded, .downloaded])
    }

    private func upload() async throws -> Step {
        do {
            while let piece = try await input.read() { try await connection.write(piece) }
            try await connection.finish()
        } catch is ConnectionError {
            // The far side takes no more. Why, is learnt by reading.
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

    /// Until the connection is over. There is one stream: others that the far side opens are refused.
    private func watch() async -> Step {
        while let stream = try? await connection.acceptStream() { stream.reset(code: 1) }
        return .closed
    }
}
