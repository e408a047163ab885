#if os(Linux)
import CBodkinNATLab
import Glibc
import Synchronization

/// How a program ended, and what it wrote.
public struct ProcessResult: Sendable, Hashable {
    /// The exit status; 128 + n where signal n ended it.
    public var status: Int32
    /// Standard output, the first 16 MiB, where it was captured.
    public var output: String
    /// Standard error, the first 16 MiB, where it was captured.
    public var error: String
}

/// A program that runs in a host. With it end all processes that it started.
public final class LabProcess: Sendable {
    /// The destination of the program's output.
    public enum Output: Sendable {
        /// It goes where this process' own goes.
        case inherited
        /// It is kept for the result.
        case captured
        /// Each line goes to the closure, which may be called from any thread.
        case lines(@Sendable (String) -> Void)
        /// It uses the terminal, with its standard input, as a shell does.
        case terminal
    }

    private enum State {
        case running(waiting: [CheckedContinuation<ProcessResult, Never>])
        case ended(ProcessResult)
    }

    private let process: pid_t
    private let isTerminal: Bool
    private let lifeline: Mutex<Descriptor?>
    private let state = Mutex(State.running(waiting: []))

    /// Starts a program in a network namespace.
    init(_ arguments: [String], environment: [String: String], in namespace: Namespace, directory: String?, output: Output) throws {
        let life = try Descriptor.pipe()
        lifeline = Mutex(life.write)
        let isTerminal = if case .terminal = output { true } else { false }
        self.isTerminal = isTerminal
        let input = isTerminal ? nil : Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC))
        var pipes: [(read: Descriptor, write: Descriptor)] = []
        switch output {
        case .inherited, .terminal: break
        case .captured, .lines: pipes = [try Descriptor.pipe(), try Descriptor.pipe()]
        }
        let variables = environment.map { "\($0.key)=\($0.value)" }
        process = try withExtendedLifetime((input, life, pipes)) {
            try withStrings(arguments) { argv in
                try withStrings(variables) { envp in
                    try withOptionalString(directory) { directory in
                        var request = bodkin_spawn()
                        request.argv = argv
                        request.envp = envp
                        request.directory = directory
                        request.netns = namespace.descriptor.raw
                        request.input = input?.raw ?? 0
                        request.output = pipes.first?.write.raw ?? 1
                        request.error = pipes.last?.write.raw ?? 2
                        request.lifeline = life.read.raw
                        request.interactive = isTerminal
                        return try system(bodkin_spawn(&request), "the program cannot be started")
                    }
                }
            }
        }
        let readers = pipes.map(\.read)
        pipes = []
        try SystemThread.start("lab-wait") { [self] in
            var collector = OutputCollector(readers, output)
            collector.run()
            finish(collector)
        }
    }

    /// Waits until the program has ended.
    public func wait() async -> ProcessResult {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                switch state {
                case .running(let waiting): state = .running(waiting: waiting + [continuation])
                case .ended(let result): continuation.resume(returning: result)
                }
            }
        }
    }

    /// Whether the program still runs.
    public var isRunning: Bool {
        state.withLock {
            if case .running = $0 { true } else { false }
        }
    }

    /// Asks the program and its process group to end (SIGTERM); whatever is left after two seconds is ended.
    public func terminate() {
        state.withLock { state in
            if case .running = state { Glibc.kill(process, SIGTERM) }
        }
    }

    /// Ends the program and everything it started, at once.
    public func kill() { lifeline.withLock { $0 = nil } }

    private func finish(_ collector: OutputCollector) {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        if isTerminal { bodkin_terminal_reclaim() }
        let signal = status & 0x7F
        let result = ProcessResult(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: collector.text(0), error: collector.text(1))
        state.withLock { state in
            if case .running(let waiting) = state { waiting.forEach { $0.resume(returning: result) } }
            state = .ended(result)
        }
    }
}

/// Calls `body` with a null-terminated array of C strings.
private func withStrings<T>(_ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> T) rethrows -> T {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    return try body(&pointers)
}

private func withOptionalString<T>(_ string: String?, _ body: (UnsafePointer<CChar>?) throws -> T) rethrows -> T {
    guard let string else { return try body(nil) }
    return try string.withCString(body)
}
#endif
