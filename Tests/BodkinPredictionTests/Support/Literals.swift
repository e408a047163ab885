public import BodkinCore

extension IPAddress: ExpressibleByStringLiteral {
    /// An address as a literal; a test with a misspelt one stops at once.
    public init(stringLiteral text: String) {
        guard let address = IPAddress(text) else { preconditionFailure("'\(text)' is no address") }
        self = address
    }
}

extension Endpoint: ExpressibleByStringLiteral {
    /// An endpoint as a literal; a test with a misspelt one stops at once.
    public init(stringLiteral text: String) {
        guard let endpoint = Endpoint(text) else { preconditionFailure("'\(text)' is no endpoint") }
        self = endpoint
    }
}
