/// How a session ended.
package enum SessionCloseReason: Hashable, Sendable {
    /// ``Session/close(code:reason:)`` or ``Session/abort(code:reason:)`` was called here.
    case local(code: UInt64, reason: String)
    /// The remote peer closed the session. What it wrote before can still be read.
    case remote(code: UInt64, reason: String)
    /// The remote peer broke the protocol.
    case protocolError(SessionError)
    /// The remote peer says that this side broke the protocol; the code is one of RFC 9000 section 20.1.
    case remoteProtocolError(code: UInt64, reason: String)
    /// ``Session/fail(_:)`` was called here, as after the last path was lost.
    case failed(String)
}
