public import BodkinCore

/// What a STUN server sends in answer to a Binding request, and what the request has proved.
public struct BindingAnswer: Sendable, Hashable {
    /// The response, success or error.
    public let response: STUNMessage
    /// The server's endpoint to send it from. Over TCP it goes back on the connection; over UDP CHANGE-REQUEST may ask for another socket.
    public let origin: Endpoint
    /// Where it goes: the sender, or its RESPONSE-PORT.
    public let destination: Endpoint
    /// The user name whose key made the request; nil where nothing was proved.
    public let username: String?

    /// The response on the wire.
    public var bytes: [UInt8] { response.bytes }
}
