#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// A file descriptor that closes with its last reference.
final class Descriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) { self.raw = raw }

    /// From a call that returns a descriptor or a negative error number.
    init(checking result: Int32, _ failure: String) throws {
        raw = try system(result, failure)
    }

    deinit { close(raw) }

    /// The two ends of a pipe: read, write.
    static func pipe() throws -> (read: Descriptor, write: Descriptor) {
        var ends: [Int32] = [0, 0]
        try system(bodkin_pipe(&ends), "no pipe")
        return (Descriptor(ends[0]), Descriptor(ends[1]))
    }
}

/// The result of a call that returns a negative error number when it fails.
@discardableResult
func system(_ result: Int32, _ failure: @autoclosure () -> String) throws -> Int32 {
    guard result < 0 else { return result }
    throw LabError(.system, "\(failure()): \(text(of: -result))", errorNumber: -result)
}

/// The C library's words for an error number.
func text(of number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
#endif
