import Dispatch
import FoundationEssentials
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
private typealias Actions = posix_spawn_file_actions_t
private typealias Attributes = posix_spawnattr_t
private func emptyActions() -> Actions { posix_spawn_file_actions_t() }
private func emptyAttributes() -> Attributes { posix_spawnattr_t() }
#elseif canImport(Musl)
import Musl
private typealias Actions = posix_spawn_file_actions_t
private typealias Attributes = posix_spawnattr_t
private func emptyActions() -> Actions { posix_spawn_file_actions_t() }
private func emptyAttributes() -> Attributes { posix_spawnattr_t() }
#elseif canImport(Darwin)
import Darwin
private typealias Actions = posix_spawn_file_actions_t?
private typealias Attributes = posix_spawnattr_t?
private func emptyActions() -> Actions { nil }
private func emptyAttributes() -> Attributes { nil }
#endif

#if os(Linux)
import CBodkinSystem

/// Closes every descriptor above standard error in the child. Returns the attribute flags that this needs.
private func closeInherited(_ actions: inout Actions) -> Int32 {
    bodkin_close_inherited(&actions)
    return 0
}
#else
/// Closes every descriptor above standard error in the child. Returns the attribute flags that this needs.
private func closeInherited(_ actions: inout Actions) -> Int32 {
    posix_spawn_file_actions_addinherit_np(&actions, STDERR_FILENO)
    return POSIX_SPAWN_CLOEXEC_DEFAULT
}
#endif

/// A child process with pipes for its standard input and output, in its own process group.
///
/// It inherits standard error, the variables of ``InheritedEnvironment``, and no other descriptor: NIO opens sockets without SOCK_CLOEXEC, and a program that outlives this process would hold them open.
final class ChildProcess: Sendable {
    /// The write end of the program's standard input, which the user of this object closes.
    let input: Int32
    /// The read end of the program's standard output.
    let output: Int32
    private let identifier: pid_t
    private let hasEnded = Mutex(false)
    private let isOutputClosed = Mutex(false)

    /// One at a time: no program inherits the pipes of another one.
    private static let starting = Mutex(())

    /// Starts a program.
    /// - Throws: ``CommandFailure`` if the system refuses the process.
    init(_ arguments: [String], environment: [String: String]) throws {
        (identifier, input, output) = try Self.starting.withLock { _ in try Self.start(arguments, environment) }
    }

    deinit { closeOutput() }

    /// Closes the read end of the program's standard output, when nobody reads it: the program's next write fails.
    func closeOutput() {
        isOutputClosed.withLock { isClosed in
            if !isClosed { close(output) }
            isClosed = true
        }
    }

    /// Whether it has ended, and leaves nothing behind in the system.
    var isReaped: Bool { hasEnded.withLock { $0 } }

    /// Waits until it has ended; where the waiting is cancelled, it is ended.
    func wait(on threads: NIOThreadPool) async {
        await withTaskCancellationHandler {
            // Also in a task that is cancelled before this begins, in which `runIfActive` would do nothing: an ended program that nobody waits for stays a zombie.
            await withCheckedContinuation { done in
                threads.submit { [self] _ in
                    reap()
                    done.resume()
                }
            }
        } onCancel: {
            end()
        }
    }

    /// Ends it with everything in its group: politely, and after two seconds for certain.
    private func end() {
        send(SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(2)) { [self] in send(SIGKILL) }
    }

    private func send(_ signal: Int32) {
        hasEnded.withLock { if !$0 { _ = kill(-identifier, signal) } }
    }

    private func reap() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
        // Its number is free for others from here on.
        hasEnded.withLock { hasEnded in
            var status: Int32 = 0
            while waitpid(identifier, &status, 0) < 0 && errno == EINTR {}
            hasEnded = true
        }
    }

    private static func start(_ arguments: [String], _ environment: [String: String]) throws -> (pid_t, Int32, Int32) {
        let toChild = try DescriptorPair.pipe()
        let fromChild = try DescriptorPair.pipe()
        var actions = emptyActions()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild.read, 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild.write, 1)
        let closing = closeInherited(&actions)
        var attributes = emptyAttributes()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What this process blocks is nothing to the program, nor what it ignores, unless it was started to ignore that.
        var all = sigset_t()
        sigfillset(&all)
        for number in InheritedSignals.ignored { sigdelset(&all, number) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(Int32(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP) | closing))
        var identifier: pid_t = 0
        let variables = InheritedEnvironment.permitted(ProcessInfo.processInfo.environment).merging(environment) { $1 }.map {
            "\($0.key)=\($0.value)"
        }
        let result = withStrings(arguments) { argv in
            withStrings(variables) { envp in posix_spawn(&identifier, arguments[0], &actions, &attributes, argv, envp) }
        }
        close(toChild.read)
        close(fromChild.write)
        guard result == 0 else {
            close(toChild.write)
            close(fromChild.read)
            throw CommandFailure(
                CommandFailure.Status.system,
                "The system cannot start \(arguments[0]) (\(String(cString: strerror(result)))). Check the name and the process limits.")
        }
        return (identifier, toChild.write, fromChild.read)
    }

    private static func withStrings<T>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T) -> T {
        let pointers = strings.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        return body(pointers)
    }
}
