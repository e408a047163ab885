import BodkinCore

extension BindingTransaction {
    /// Whether a response is signed as the request was (RFC 8489 section 9.1.4); anything is where no key was agreed on.
    ///
    /// A 401 cannot be signed, as the server has found no key: it ends as ``Outcome/integrityViolated(_:)``.
    func isCredible(_ message: STUNMessage) -> Bool {
        guard let key else { return true }
        guard let integrity = message.verifiedIntegrity(key: key) else { return false }
        return request.contains(integrity.type)
    }

    /// What a credible response says (sections 6.3.3 and 6.3.4).
    static func meaning(of message: STUNMessage) -> Outcome {
        guard message.unknownRequired().isEmpty else { return .unusable(message) }
        do {
            if message.class == .error {
                guard let code = try message.attribute(STUNMessage.ErrorCode.self) else { return .unusable(message) }
                return .refused(code, message)
            }
            let mapped =
                try message.attribute(STUNMessage.XORMappedAddress.self)?.endpoint ?? message.attribute(STUNMessage.MappedAddress.self)?.endpoint
            return mapped.map { .mapped($0, message) } ?? .unusable(message)
        } catch {
            return .unusable(message)
        }
    }
}
