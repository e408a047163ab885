package import BodkinCore

/// Answers Binding requests as RFC 8489 section 6.3 and RFC 5780 section 6.1 say; it has no socket and keeps nothing between requests.
///
/// ```swift
/// let responder = BindingResponder(authentication: .optional, software: "bodkin")
/// let answer = responder.answer(to: message, from: source, at: local, over: .tcp) { name in keys[name] }
/// ```
///
/// Indications, responses and methods other than Binding are not answered. The attributes of RFC 5780 that a server cannot serve are unknown
/// attributes to it: CHANGE-REQUEST over TCP or without a second address, RESPONSE-PORT over TCP, and PADDING, which would let unauthenticated clients have
/// small requests answered with large responses.
package struct BindingResponder: Sendable {
    /// Whether requests must prove who sent them, with short-term credentials (RFC 8489 section 9.1).
    package enum Authentication: Sendable, Hashable {
        /// Credentials are ignored.
        case ignored
        /// Who offers credentials must offer good ones.
        case optional
        /// Requests without credentials are answered with 400.
        case required
    }

    /// What a request came over.
    package enum Transport: Sendable, Hashable {
        /// UDP datagrams.
        case udp
        /// A TCP or TLS connection.
        case tcp
    }

    /// Whether requests must prove who sent them.
    package let authentication: Authentication
    /// The SOFTWARE of responses, if any.
    package let software: STUNMessage.Software?

    /// A responder; a `software` longer than ``STUNMessage/Software/limit`` is left out.
    package init(authentication: Authentication = .ignored, software: String? = nil) {
        self.authentication = authentication
        self.software = software.flatMap { try? STUNMessage.Software($0) }
    }

    /// The answer to a message, or nil where there is to be none.
    ///
    /// - Parameters:
    ///   - message: what came in.
    ///   - source: who sent it, as the socket says.
    ///   - local: the server's address and port that it came in at.
    ///   - other: the server's other address and other port, where it serves both ports on both addresses (RFC 5780 section 6).
    ///   - transport: what it came over.
    ///   - nonce: what the next request with credentials has to repeat; nil where nothing is asked for.
    ///   - isStale: whether this request with credentials has not repeated what it had to.
    ///   - key: the key of a user name; nil where there is none, or no longer.
    package func answer(
        to message: STUNMessage, from source: Endpoint, at local: Endpoint, other: Endpoint? = nil, over transport: Transport,
        nonce: STUNMessage.Nonce? = nil, isStale: Bool = false, key: (String) -> [UInt8]? = { _ in nil }
    ) -> BindingAnswer? {
        guard message.class == .request, message.method == .binding else { return nil }
        let route = Route(source: source, local: local, other: other, transport: transport)
        if isStale { return refuse(message, .staleNonce, .none, nonce, route) }
        let proof: Proof
        do {
            proof = try authenticate(message, key)
        } catch {
            return refuse(message, error.code, .none, nonce, route)
        }
        let unknown = message.unknownRequired(besides: STUNMessage.AttributeType.understood.union(route.understood))
        guard unknown.isEmpty else { return refuse(message, .unknownAttribute, unknown: unknown, proof, nonce, route) }
        do {
            let (origin, destination) = try route.endpoints(for: message)
            var response = STUNMessage.bindingSuccess(to: message, mapped: source)
            if let other {
                response.add(STUNMessage.MappedAddress(source))
                response.add(STUNMessage.ResponseOrigin(origin))
                response.add(STUNMessage.OtherAddress(other))
            }
            return BindingAnswer(
                response: finish(response, to: message, proof, nonce), origin: origin, destination: destination, username: proof.username)
        } catch {
            return refuse(message, .badRequest, proof, nonce, route)
        }
    }

    private func refuse(
        _ message: STUNMessage, _ code: STUNMessage.ErrorCode, unknown: [STUNMessage.AttributeType] = [], _ proof: Proof,
        _ nonce: STUNMessage.Nonce?, _ route: Route
    ) -> BindingAnswer {
        let response = finish(.error(code, to: message, unknown: unknown), to: message, proof, nonce)
        return BindingAnswer(response: response, origin: route.local, destination: route.source, username: proof.username)
    }

    /// Adds SOFTWARE and NONCE, signs as the request was signed, and ends with FINGERPRINT where the request did.
    private func finish(_ response: STUNMessage, to request: STUNMessage, _ proof: Proof, _ nonce: STUNMessage.Nonce?) -> STUNMessage {
        var response = response
        if let software { try? response.append(software) }
        if let nonce { response.add(nonce) }
        response.seal(key: proof.key, proof.integrity, fingerprint: request.contains(.fingerprint))
        return response
    }
}
