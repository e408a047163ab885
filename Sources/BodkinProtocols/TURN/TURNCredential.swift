import Crypto
import FoundationEssentials

/// A long-term credential (RFC 8489 section 9.2).
///
/// ```swift
/// let credential = TURNCredential.timeLimited(secret: secret, name: "peer", until: 1_800_000_000)
/// ```
package struct TURNCredential: Hashable, Sendable {
    /// The most bytes of a name or a password that a rendezvous server hands out.
    package static let sizeLimit = 128

    /// The user's name.
    package var username: String
    /// The password, ASCII.
    package var password: String

    /// A credential from its parts.
    package init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// The credential of the TURN REST API (draft-uberti-behave-turn-rest): a relay that knows the secret knows every user, until a time. coturn counts its quotas by
    /// the name behind the colon.
    /// - Parameter end: in seconds since 1970.
    package static func timeLimited(secret: [UInt8], name: String, until end: UInt64) -> TURNCredential {
        let username = "\(end):\(name)"
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(username.utf8), using: SymmetricKey(data: secret))
        return TURNCredential(username: username, password: Data(code).base64EncodedString())
    }

    /// The key of MESSAGE-INTEGRITY in a realm (RFC 8489 section 9.2.2, with MD5, which is all that coturn has).
    func key(in realm: String) -> [UInt8] { Array(Insecure.MD5.hash(data: Array("\(username):\(realm):\(password)".utf8))) }
}

/// What a server has told a client to sign with, and the credential: a request carries all of it (RFC 8489 section 9.2.3).
package struct TURNChallenge: Hashable, Sendable {
    let realm: STUNMessage.Realm
    let nonce: STUNMessage.Nonce

    /// A server that changes its nonce more often is not followed.
    private static let limit = 3

    /// What the same request is to be signed with after an error: 401 to what was not signed, and 438, ask for that.
    /// - Parameter count: how often that was done for the request.
    /// - Throws: why the request is over.
    static func after(_ error: STUNMessage, isSigned: Bool, count: Int) throws(TURNRefusal) -> TURNChallenge {
        let refusal = TURNRefusal(error)
        let isAsked = refusal == .credentials && !isSigned || refusal == .code(438)
        guard isAsked, count < limit, let challenge = TURNChallenge(in: error) else { throw refusal }
        return challenge
    }

    /// The challenge in a response; nil where there is none, or only half of one.
    private init?(in response: STUNMessage) {
        guard let realm = try? response.attribute(STUNMessage.Realm.self), let nonce = try? response.attribute(STUNMessage.Nonce.self) else {
            return nil
        }
        (self.realm, self.nonce) = (realm, nonce)
    }
}

extension STUNMessage {
    /// A request of TURN, signed as challenged; without a challenge unsigned, which makes the server give one.
    static func request(
        _ method: Method, _ attributes: [any Attribute], as credential: TURNCredential, _ challenge: TURNChallenge?
    ) throws(STUNError) -> STUNMessage {
        var request = STUNMessage(.request, method)
        for attribute in attributes { try request.append(attribute) }
        guard let challenge else {
            request.seal()
            return request
        }
        try request.append(Username(credential.username))
        try request.append(challenge.realm)
        try request.append(challenge.nonce)
        request.seal(key: credential.key(in: challenge.realm.text), [.sha1])
        return request
    }

    /// Whether it proves that its sender knows the credential.
    func isSigned(as credential: TURNCredential, _ challenge: TURNChallenge?) -> Bool {
        challenge.map { verifiedIntegrity(key: credential.key(in: $0.realm.text)) != nil } ?? false
    }
}
