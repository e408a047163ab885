#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Identities on disk: one file, readable by its owner only, written whole or not at all.
extension Identity {
    /// The name of the file in a state directory.
    public static let fileName = "identity.pem"

    /// Loads the identity of a state directory, and creates both where they are missing. Two processes that do so at once get the same one.
    public static func loadOrCreate(in directory: String) throws(IdentityError) -> Identity {
        let path = "\(directory)/\(fileName)"
        do {
            return try load(from: path)
        } catch  where error.code == .missing {
            try makeDirectory(directory)
            do {
                let identity = try create()
                try identity.store(to: path)
                return identity
            } catch  where error.code == .exists {
                return try load(from: path)
            }
        }
    }

    /// Loads an identity.
    /// - Throws: ``IdentityError``: `missing`, `exposed` when others could read the file, `unreadable`, `system`.
    public static func load(from path: String) throws(IdentityError) -> Identity {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                throw IdentityError(.missing, "The identity file \(path) does not exist. Create an identity, or name another file.")
            }
            throw refused(path)
        }
        defer { close(file) }
        var information = stat()
        guard fstat(file, &information) == 0 else { throw refused(path) }
        guard information.st_mode & S_IFMT == S_IFREG else { throw IdentityError(.unreadable, "\(path) is not a regular file. Name another file.") }
        guard information.st_mode & 0o077 == 0 else {
            throw IdentityError(
                .exposed, "Other users can read the secret key \(path). Run chmod 600 on the file, or replace the key if it may have leaked.")
        }
        // A key takes 119 bytes; what is longer is none.
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else { throw refused(path) }
        return try Identity(pem: String(decoding: bytes[..<count], as: UTF8.self))
    }

    /// Stores the identity in a new file with mode 0600.
    /// - Throws: ``IdentityError``: `exists` rather than overwrite anything, `exposed` where the file system keeps no permissions, `system`.
    public func store(to path: String) throws(IdentityError) {
        try NewFile.create(pem, at: path)
    }

    private static func makeDirectory(_ path: String) throws(IdentityError) {
        var place = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            place += "/\(part)"
            guard mkdir(place, 0o700) == 0 || errno == EEXIST else { throw refused(place) }
        }
    }

    private static func refused(_ path: String) -> IdentityError { NewFile.refused(path) }
}
