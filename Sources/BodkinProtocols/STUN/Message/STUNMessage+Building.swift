package import BodkinCore

extension STUNMessage {
    /// A Binding request (RFC 8489 section 6.1), ready to be sent.
    ///
    /// ```swift
    /// let credential = try STUNCredential(username: "evtj:h6vY", key: Array("VOkJxbRl1RmTxUk/WvJxBt".utf8))
    /// let request = try STUNMessage.bindingRequest(credential: credential)
    /// ```
    ///
    /// - Parameters:
    ///   - transactionID: a random one, unless a test needs another.
    ///   - credential: who asks; adds USERNAME and the integrity attributes (section 9.1.2).
    ///   - integrity: both, unless it is known which one the server supports.
    ///   - attributes: further ones, CHANGE-REQUEST for instance.
    ///   - fingerprint: whether FINGERPRINT ends it.
    /// - Throws: ``STUNError`` where `attributes` are too large.
    package static func bindingRequest(
        transactionID: TransactionID = .random(), credential: STUNCredential? = nil, integrity: Set<Integrity> = [.sha1, .sha256],
        attributes: [any Attribute], fingerprint: Bool = true
    ) throws(STUNError) -> STUNMessage {
        var request = STUNMessage(.request, .binding, transactionID: transactionID)
        if let credential { request.add(credential.username) }
        for attribute in attributes { try request.append(attribute) }
        request.seal(key: credential?.key, integrity, fingerprint: fingerprint)
        return request
    }

    /// A Binding request without further attributes, which always fits.
    /// - Parameter nonce: what the server wants repeated by a request with a credential.
    package static func bindingRequest(
        transactionID: TransactionID = .random(), credential: STUNCredential? = nil, nonce: Nonce? = nil,
        integrity: Set<Integrity> = [.sha1, .sha256],
        fingerprint: Bool = true
    ) -> STUNMessage {
        var request = STUNMessage(.request, .binding, transactionID: transactionID)
        if let credential { request.add(credential.username) }
        if let nonce { request.add(nonce) }
        request.seal(key: credential?.key, integrity, fingerprint: fingerprint)
        return request
    }

    /// The success response that tells the sender of `request` its address (section 6.3.1.1); still to be sealed.
    package static func bindingSuccess(to request: STUNMessage, mapped: Endpoint) -> STUNMessage {
        var response = STUNMessage(.success, request.method, transactionID: request.transactionID)
        response.add(XORMappedAddress(mapped))
        return response
    }

    /// An error response (section 6.3.1.2); still to be sealed. `unknown` are those that a 420 names.
    package static func error(_ code: ErrorCode, to request: STUNMessage, unknown: [AttributeType] = []) -> STUNMessage {
        var response = STUNMessage(.error, request.method, transactionID: request.transactionID)
        response.add(code)
        if !unknown.isEmpty { response.add(UnknownAttributes(unknown.prefix(UnknownAttributes.limit))) }
        return response
    }
}
