package import BodkinCore

/// A STUN server's answer to a Binding request, and the user that the request authenticated.
package struct BindingAnswer: Sendable, Hashable {
    /// The response, success or error.
    package let response: STUNMessage
    /// The server's endpoint to send it from. Over TCP it goes back on the connection; over UDP CHANGE-REQUEST may ask for another socket.
    package let origin: Endpoint
    /// Where it goes: the sender, or its RESPONSE-PORT.
    package let destination: Endpoint
    /// The user name whose key made the request; nil if the request is not authenticated.
    package let username: String?

    /// The response on the wire.
    package var bytes: [UInt8] { response.bytes }
}
