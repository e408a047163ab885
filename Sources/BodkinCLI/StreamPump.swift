import Bodkin
import BodkinTransport
import Synchronization

/// A pump between a connection's default stream and two descriptors, one for input and one for output.
///
/// Each direction has backpressure, ends by itself, and half-closes its target. A direction without a descriptor is not used: the pump finishes the stream
/// at once, or stops reading it.
struct StreamPump: Sendable {
    /// A reason to wait.
    enum Wait: String, Sendable {
        /// The remote peer has sent everything; the local input has not ended.
        case input
        /// The local input has ended; the remote peer sends nothing and does not end.
        case remoteEnd = "remote-end"
        /// Everything is sent; the remote peer has not read it yet.
        case remoteRead = "remote-read"
    }

    /// A program at the descriptors.
    struct Companion: Sendable {
        /// Waits for the end of the program.
        let ended: @Sendable () async -> Void
        /// Tells the program that nobody reads its output.
        let closeOutput: @Sendable () -> Void
    }

    let connection: Connection
    let input: DescriptorReader?
    let output: DescriptorWriter?
    /// With a program the pump does not wait for the remote peer's end.
    var companion: Companion?
    /// Hears what the pump waits for, once for each reason.
    var onWait: @Sendable (Wait) -> Void = { _ in }
    /// Hears of each piece, in either direction.
    var onBytes: @Sendable () -> Void = {}

    private enum Step: Hashable, Sendable {
        case uploaded, uploadCut(ConnectionError?), downloaded, outputBroken, closed, companionEnded
        case silent(Wait)
    }

    /// A program that ends may leave others behind that hold its output. After its end the pump takes what comes without such a pause.
    private static let lastPause = Duration.milliseconds(250)
    private static let inputPatience = Duration.seconds(3)
    private static let remotePatience = Duration.seconds(10)

    /// Runs until the directions in use have ended, or until the remote peer has closed the connection.
    ///
    /// - Returns: whether the connection took all of the input that was read.
    /// - Throws: ``ConnectionError`` if the connection ended before the end of the remote peer's bytes; ``BrokenOutput`` if nobody reads the output.
    func run() async throws -> Upload {
        let progress = Progress()
        return try await withThrowingTaskGroup(of: Step.self) { group in
            group.addTask { try await upload(progress) }
            group.addTask { try await download(progress) }
            group.addTask { await watch() }
            if let companion {
                group.addTask {
                    await companion.ended()
                    input?.endAfterPause(of: Self.lastPause)
                    return .companionEnded
                }
            }
            var seen: Set<Step> = []
            var result = Upload.whole
            func take(_ step: Step) {
                seen.insert(step)
                if case .uploadCut(let error) = step { result = .cut(error) }
            }
            while !isOver(seen, result), let step = try await group.next() {
                take(step)
                if case .silent(let wait) = step, isAwaited(wait, seen, result) { onWait(wait) }
                if companion == nil, step == .downloaded, !seen.contains(.uploaded) {
                    group.addTask {
                        try await progress.wait(for: .input, Self.inputPatience)
                        return .silent(.input)
                    }
                }
                if companion == nil, step == .uploaded, !seen.contains(.downloaded) {
                    group.addTask {
                        try await progress.wait(for: .remote, Self.remotePatience)
                        return .silent(.remoteEnd)
                    }
                }
            }
            group.cancelAll()
            // A piece that was being written when the remote peer closed is lost.
            while let step = await group.nextResult() { if let step = try? step.get() { take(step) } }
            return result
        }
    }

    private func isAwaited(_ wait: Wait, _ seen: Set<Step>, _ result: Upload) -> Bool {
        switch wait {
        case .input: result == .whole && !seen.contains(.uploaded)
        case .remoteEnd: !seen.contains(.downloaded)
        case .remoteRead: true
        }
    }

    private func isOver(_ seen: Set<Step>, _ result: Upload) -> Bool {
        let isUploadOver = seen.contains(.uploaded) || result != .whole
        let isDownloadOver = seen.contains(.downloaded) || seen.contains(.outputBroken)
        // The bytes that the remote peer sent before it closed are still to be written.
        if seen.contains(.closed) && isDownloadOver { return true }
        return isUploadOver && (companion == nil ? isDownloadOver : seen.contains(.companionEnded))
    }

    private func upload(_ progress: Progress) async throws -> Step {
        do {
            progress.waits(for: .input, true)
            while let piece = try await input?.read() {
                progress.waits(for: .input, false)
                onBytes()
                defer { progress.waits(for: .input, true) }
                do {
                    try await connection.write(piece)
                } catch is CancellationError {
                    return .uploadCut(nil)
                }
            }
            try await connection.finish()
            return .uploaded
        } catch let error as ConnectionError {
            companion?.closeOutput()
            return .uploadCut(error)
        }
    }

    private func download(_ progress: Progress) async throws -> Step {
        guard let output else {
            connection.stream.stopReading()
            return .downloaded
        }
        do {
            progress.waits(for: .remote, true)
            for try await piece in connection.bytes {
                progress.waits(for: .remote, false)
                onBytes()
                defer { progress.waits(for: .remote, true) }
                do {
                    try await output.write(piece)
                } catch let error as DescriptorError where error.isBrokenPipe && companion == nil {
                    throw BrokenOutput()
                } catch  where companion != nil {
                    // The program reads no more. The remote peer hears that its bytes are not used.
                    connection.stream.stopReading()
                    return .outputBroken
                }
            }
        } catch is ConnectionError where companion != nil && Task.isCancelled {
            return .outputBroken
        }
        if companion != nil { output.close() }
        return .downloaded
    }

    /// Waits for the end of the connection, and refuses further streams.
    private func watch() async -> Step {
        while let stream = try? await connection.acceptStream() { stream.reset(code: 1) }
        return .closed
    }
}

extension StreamPump {
    /// What became of the local input.
    enum Upload: Equatable, Sendable {
        /// The connection took everything that was read.
        case whole
        /// It did not, because of this error of the remote peer, or because the pump ended.
        case cut(ConnectionError?)
    }
}

/// The sides for which the pump waits, and since when.
private final class Progress: Sendable {
    enum Side: Hashable, Sendable { case input, remote }

    private let starts = Mutex<[Side: ContinuousClock.Instant]>([:])

    /// The pump waits for a side from now on, or has something of it.
    func waits(for side: Side, _ isWaiting: Bool) { starts.withLock { $0[side] = isWaiting ? .now : nil } }

    /// Returns when the pump has waited for a side for so long.
    func wait(for side: Side, _ pause: Duration) async throws {
        while case let end = (starts.withLock { $0[side] } ?? .now) + pause, end > .now { try await Task.sleep(until: end) }
    }
}

/// Nobody reads standard output any more.
struct BrokenOutput: Error {
    /// The exit status of a process that SIGPIPE ends, as it ends most programs in this case.
    static var status: Int32 { 128 + 13 }
}
