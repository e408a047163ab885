public import BodkinCore

/// A STUN server's answer to a Binding request, and the user that the request authenticated.
public struct BindingAnswer: Sendable, Hashable {
    /// The response, success or error.
    public let response: STUNMessage
    /// The server's endpoint to send it from. Over TCP it goes back on the connection; over UDP CHANGE-REQUEST may ask for another socket.
    public let origin: Endpoint
    /// Where it goes: the sender, or its RESPONSE-PORT.
    public let destination: Endpoint
    /// The user name whose key made the request; nil if the request is not authenticated.
    public let username: String?

    /// The response on the wire.
    public var bytes: [UInt8] { response.bytes }
}
