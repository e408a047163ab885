#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file of mode 0600 that appears whole or not at all: a full disk leaves nothing behind.
enum NewFile {
    /// Writes a new file.
    /// - Parameter linkFile: gives a file a second name, as link(2) does.
    /// - Throws: ``IdentityError``: `exists` rather than overwrite anything, `exposed` where the file system keeps no permissions, `system`.
    static func create(
        _ text: String, at path: String, linkFile: (_ from: String, _ to: String) -> Int32 = { link($0, $1) }
    ) throws(IdentityError) {
        // The text is written under another name first, so a reader of the file sees all of it.
        let draft = draftName(of: path)
        try write(text, to: draft)
        defer { unlink(draft) }
        if linkFile(draft, path) == 0 { return }
        switch errno {
        case EEXIST: throw exists(path)
        // FAT and some network file systems know no hard links.
        case EPERM, EOPNOTSUPP, ENOSYS, EMLINK: try write(text, to: path)
        default: throw refused(path)
        }
    }

    /// Puts a file in the place of what there was.
    /// - Throws: ``IdentityError``: `exposed`, `system`.
    static func replace(_ text: String, at path: String) throws(IdentityError) {
        let draft = draftName(of: path)
        try write(text, to: draft)
        guard rename(draft, path) == 0 else {
            let error = refused(path)
            unlink(draft)
            throw error
        }
    }

    private static func draftName(of path: String) -> String { "\(path).\(getpid()).\(UInt32.random(in: .min ... .max))" }

    private static func write(_ text: String, to path: String) throws(IdentityError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw errno == EEXIST ? exists(path) : refused(path) }
        defer { close(file) }
        var information = stat()
        var error: IdentityError?
        if fstat(file, &information) == 0, information.st_mode & 0o077 != 0 {
            error = IdentityError(
                .exposed,
                "The file system of \(path) keeps no permissions, so other users could read the secret. Choose another directory, or mount it with umask=077."
            )
        } else if !writeAll(file, Array(text.utf8)) {
            error = refused(path)
        }
        guard let error else { return }
        unlink(path)
        throw error
    }

    private static func exists(_ path: String) -> IdentityError {
        IdentityError(.exists, "The file \(path) exists already. Choose another file, or remove this one.")
    }

    /// The error of the system's latest refusal.
    static func refused(_ path: String) -> IdentityError {
        let advice = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? "Free some space" : "Choose another directory, or change its permissions"
        return IdentityError(.system, "The system refused access to \(path) (\(String(cString: strerror(errno)))). \(advice).")
    }
}

private func writeAll(_ file: Int32, _ bytes: [UInt8]) -> Bool { write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0 }
