#if canImport(Glibc)
import Glibc
private let writeBytes = Glibc.write
#elseif canImport(Darwin)
import Darwin
private let writeBytes = Darwin.write
#endif

/// Standard error as a text stream, unbuffered.
struct StandardError: TextOutputStream {
    mutating func write(_ string: String) {
        var string = string
        string.withUTF8 { _ = writeBytes(2, $0.baseAddress, $0.count) }
    }
}

/// Prints to standard error, whole lines at once.
func printError(_ text: String) {
    var stream = StandardError()
    stream.write(text + "\n")
}

/// Hands on what was printed, to a pipe as to a terminal.
func flushOutput() { fflush(nil) }
