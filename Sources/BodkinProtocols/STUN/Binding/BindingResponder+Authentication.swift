extension BindingResponder {
    /// What a request's credentials have shown, and what its response is signed with.
    enum Proof {
        case none
        case user(String, key: [UInt8], STUNMessage.Integrity)

        var username: String? {
            guard case .user(let name, _, _) = self else { return nil }
            return name
        }

        var key: [UInt8]? {
            guard case .user(_, let key, _) = self else { return nil }
            return key
        }

        /// Only the one that was verified (RFC 8489 section 9.1.3).
        var integrity: Set<STUNMessage.Integrity> {
            guard case .user(_, _, let integrity) = self else { return [] }
            return [integrity]
        }
    }

    /// Why a request is refused.
    struct Refusal: Error { let code: STUNMessage.ErrorCode }

    /// The checks of RFC 8489 section 9.1.3 in their order.
    func authenticate(_ message: STUNMessage, _ key: (String) -> [UInt8]?) throws(Refusal) -> Proof {
        if authentication == .ignored { return .none }
        let offersName = message.contains(.username)
        if authentication == .optional, !offersName, !message.hasIntegrity { return .none }
        guard offersName, message.hasIntegrity, let name = (try? message.attribute(STUNMessage.Username.self))?.text else {
            throw Refusal(code: .badRequest)
        }
        guard let key = key(name), let integrity = message.verifiedIntegrity(key: key) else { throw Refusal(code: .unauthenticated) }
        return .user(name, key: key, integrity)
    }
}
