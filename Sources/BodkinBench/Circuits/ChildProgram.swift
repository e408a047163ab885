import BodkinNATLab
import Glibc

/// A program of someone else beside this one, in a process whose processor time can be told from all others. Its output goes nowhere, and it ends with its
/// last reference.
final class ChildProgram: Sendable {
    let process: pid_t

    /// Starts a program, looked up in PATH.
    init(_ words: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        // This process' sockets, of which there are a few, would stay open in the other one.
        for descriptor in (STDERR_FILENO + 1)..<256 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let status = posix_spawnp(&process, words.first ?? "", &actions, nil, arguments, environ)
        guard status == 0 else { throw LabError(.system, "\(words.first ?? "") cannot be started: \(String(cString: strerror(status)))") }
        self.process = process
    }

    deinit {
        // SIGTERM may be blocked, as it is in the threads that run tasks here, and they pass that on.
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }
}
