public import BodkinCore

/// Addresses and endpoints as literals; a test with a misspelt one stops at once.
extension IPAddress: ExpressibleByStringLiteral {
    /// An address or endpoint from its textual form.
    public init(stringLiteral text: String) {
        guard let address = IPAddress(text) else { preconditionFailure("'\(text)' is no address") }
        self = address
    }
}

extension Endpoint: ExpressibleByStringLiteral {
    /// An address or endpoint from its textual form.
    public init(stringLiteral text: String) {
        guard let endpoint = Endpoint(text) else { preconditionFailure("'\(text)' is no endpoint") }
        self = endpoint
    }
}
