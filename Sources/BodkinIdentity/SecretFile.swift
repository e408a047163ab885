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

    /// Writes a new file of mode 0600.
    /// - Throws: ``IdentityError``: `exists` rather than overwrite anything, `system`.
    package static func write(_ text: String, to path: String) throws(IdentityError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            if errno == EEXIST { throw IdentityError(.exists, "The file \(path) exists already. Choose another file, or remove this one.") }
            throw refused(path)
        }
        defer { close(file) }
        guard writeBytes(file, Array(text.utf8)) else { throw refused(path) }
    }

    /// Puts a file of mode 0600 in the place of what there was: whoever reads it has the old text or the new one, whole.
    /// - Throws: ``IdentityError``: `system`.
    package static func replace(_ text: String, at path: String) throws(IdentityError) {
        let draft = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max))"
        try write(text, to: draft)
        guard rename(draft, path) == 0 else {
            let error = refused(path)
            unlink(draft)
            throw error
        }
    }

    private static func refused(_ path: String) -> IdentityError {
        IdentityError(
            .system,
            "The system refused access to \(path) (\(String(cString: strerror(errno)))). Choose another directory, or change its permissions.")
    }
}

private func readBytes(_ file: Int32, _ bytes: inout [UInt8]) -> Int { read(file, &bytes, bytes.count) }
private func writeBytes(_ file: Int32, _ bytes: [UInt8]) -> Bool { write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0 }
