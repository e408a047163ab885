#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A small text that its owner alone may read, such as a join token.
package enum SecretFile {
    /// The text, its first `limit` bytes; nil where there is no such file.
    /// - Throws: ``IdentityError``: `exposed` when others could read the file, `unreadable`, `system`.
    package static func read(_ path: String, limit: Int = 4096) throws(IdentityError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw refused(path)
        }
        defer { close(file) }
        var information = stat()
        guard fstat(file, &information) == 0 else { throw refused(path) }
        guard information.st_mode & S_IFMT == S_IFREG else { throw IdentityError(.unreadable, "\(path) is not a regular file. Name another file.") }
        guard information.st_mode & 0o077 == 0 else {
            throw IdentityError(
                .exposed, "Other users can read the secret \(path). Run chmod 600 on the file, or replace the secret if it may have leaked.")
        }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = readBytes(file, &bytes)
        guard count >= 0 else { throw refused(path) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Writes a new file of mode 0600, whole or not at all.
    /// - Throws: ``IdentityError``: `exists` rather than overwrite anything, `exposed` where the file system keeps no permissions, `system`.
    package static func write(_ text: String, to path: String) throws(IdentityError) { try NewFile.create(text, at: path) }

    /// Puts a file of mode 0600 in the place of what there was: a reader has the old text or the new one, whole.
    /// - Throws: ``IdentityError``: `exposed` where the file system keeps no permissions, `system`.
    package static func replace(_ text: String, at path: String) throws(IdentityError) { try NewFile.replace(text, at: path) }

    private static func refused(_ path: String) -> IdentityError { NewFile.refused(path) }
}

private func readBytes(_ file: Int32, _ bytes: inout [UInt8]) -> Int { read(file, &bytes, bytes.count) }
