import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The directions of a pipe that standard input and output use.
enum PipeDirections: Sendable {
    case both
    /// The command reads no standard input.
    case receiveOnly
    /// The command writes no standard output.
    case sendOnly

    /// Whether the process was started without standard output. Something else may be opened in its place later.
    private static let isOutputMissing = fcntl(STDOUT_FILENO, F_GETFD) < 0

    /// Notes how the process was started; to be called first.
    static func note() { _ = isOutputMissing }

    /// Returns the directions of a command without options. A terminal as input beside another output has nothing to send: `listen > file`.
    static var usual: PipeDirections {
        if isOutputMissing { return .sendOnly }
        return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 0 ? .receiveOnly : .both
    }
}

/// The options for one direction.
struct DirectionOptions: ParsableArguments {
    @Flag(help: "Read standard input only; end when the remote peer has read it.")
    var sendOnly = false
    @Flag(help: "Write standard output only; default if standard input is a terminal and standard output is none.")
    var receiveOnly = false

    func validate() throws {
        if sendOnly && receiveOnly { throw ValidationError("--send-only and --receive-only exclude each other. Give one of them.") }
    }

    /// The directions that the options name.
    var directions: PipeDirections { sendOnly ? .sendOnly : receiveOnly ? .receiveOnly : .usual }
    /// Whether an option names one.
    var isGiven: Bool { sendOnly || receiveOnly }
}
