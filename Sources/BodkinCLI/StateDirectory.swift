import BodkinIdentity
import BodkinServer
import BodkinTransport
import FoundationEssentials

/// The directory with the key and the join token of a server.
struct StateDirectory {
    private let path: String

    /// Opens the directory, or creates it.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                CommandFailure.Status.cannotCreate,
                "The directory \(path) cannot be created. Choose another directory with --state-dir, or change its permissions.")
        }
    }

    /// Loads the server's key from server.pem, or creates it.
    func serverIdentity() throws -> Identity {
        let file = "\(path)/server.pem"
        do {
            return try Identity.load(from: file)
        } catch {
            guard error.code == .missing else { throw error }
        }
        let identity = try Identity.create()
        try identity.store(to: file)
        return identity
    }

    /// The hash of the key that the server will have next (server.next.pem), for the URL; nil where there is none.
    func nextKeyHash() throws -> [UInt8]? {
        do {
            return try CertificateIdentity(Identity.load(from: "\(path)/server.next.pem")).publicKeyHash()
        } catch let error as IdentityError where error.code == .missing {
            return nil
        }
    }

    /// Loads the join token from server.token (16 random bytes in base64), or creates it.
    func joinToken() throws -> JoinToken {
        let file = "\(path)/server.token"
        if let text = try SecretFile.read(file) {
            guard let bytes = Data(base64Encoded: text.filter { !$0.isWhitespace }), let token = JoinToken(bytes: Array(bytes)) else {
                throw CommandFailure(
                    CommandFailure.Status.data,
                    "\(file) holds no join token. Restore the file from a copy, or remove it for a new token and a new URL.")
            }
            return token
        }
        let token = JoinToken.random()
        try SecretFile.write(Data(token.bytes).base64EncodedString() + "\n", to: file)
        return token
    }
}
