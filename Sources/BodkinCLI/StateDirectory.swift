import BodkinIdentity
import BodkinServer
import FoundationEssentials

/// Where a server keeps what its URL depends on.
struct StateDirectory {
    private let path: String

    /// The directory, which is created where it is missing.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(CommandFailure.Status.cannotCreate, "\(path) cannot be created: choose another place with --state, or allow access")
        }
    }

    /// The server's own key, server.pem, which is created where it is missing.
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

    /// The join token, server.token, 16 random bytes in base64, which is created where it is missing.
    func joinToken() throws -> JoinToken {
        let file = "\(path)/server.token"
        if let text = try SecretFile.read(file) {
            guard let bytes = Data(base64Encoded: text.filter { !$0.isWhitespace }), let token = JoinToken(bytes: Array(bytes)) else {
                throw CommandFailure(
                    CommandFailure.Status.data, "\(file) holds no join token: restore it from a copy, or remove it to get a new one and a new URL")
            }
            return token
        }
        let token = JoinToken.random()
        try SecretFile.write(Data(token.bytes).base64EncodedString() + "\n", to: file)
        return token
    }
}
