#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SecretFile {
    /// Checks a directory for secrets. One that does not exist is good, because it will be made for this user alone.
    /// - Throws: ``IdentityError``: `exposed` if another user than this one and root owns the directory, or others can write to it: they could put their own key
    ///   into the place of this user's.
    package static func checkDirectory(_ path: String) throws(IdentityError) {
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else { return }
        guard information.st_uid == geteuid() || information.st_uid == 0 else {
            throw IdentityError(.exposed, "The directory \(path) belongs to another user. Choose a directory of your own for keys.")
        }
        guard information.st_mode & 0o022 == 0 else {
            throw IdentityError(
                .exposed, "Other users can write to the directory \(path). Run chmod 700 on it, or choose another directory for keys.")
        }
    }
}
