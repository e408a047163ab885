import BodkinProtocols

/// Why a connection or a stream of it can no longer be used.
public struct ConnectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: Hashable, Sendable {
        /// The remote peer has reset the stream, with this code.
        case reset(UInt64)
        /// The remote peer wants no more of the stream, with this code.
        case stopped(UInt64)
        /// Our half of the stream is finished.
        case finished
        /// The connection is over.
        case closed
        /// Another task reads the stream already.
        case busy
    }

    /// The kind.
    public let code: Code
    /// One line: what happened, and what to do next.
    public let message: String

    /// The application's code with which the remote peer closed the connection; nil for every other error.
    public let remoteCode: UInt64?

    private init(_ code: Code, _ message: String, remoteCode: UInt64? = nil) {
        self.code = code
        self.message = message
        self.remoteCode = remoteCode
    }

    /// The message.
    public var description: String { message }

    /// This side has finished its half, or given up the stream.
    package static let finished = ConnectionError(.finished, "The local peer has finished the stream. Open another stream to send more.")
    static let busy = ConnectionError(.busy, "Another task reads this stream. Let one task read, or open another stream.")
    static func reset(_ code: UInt64) -> ConnectionError {
        ConnectionError(
            .reset(code), "The remote peer reset the stream (code \(code)). Open another stream, or ask the remote application for the reason.")
    }
    static func stopped(_ code: UInt64) -> ConnectionError {
        ConnectionError(.stopped(code), "The remote peer stopped reading the stream (code \(code)). Stop sending, or open another stream.")
    }
    static func closed(_ reason: SessionCloseReason) -> ConnectionError {
        let text =
            switch reason {
            case .local: "The local peer closed the connection. Connect again to continue."
            case .remote(let code, let text): "The remote peer closed the connection (code \(code)\(text.isEmpty ? "" : ", \(text)")). Connect again."
            case .protocolError(let error): "\(error)"
            case .remoteProtocolError(let code, let text):
                "The remote peer reports a protocol error (code \(code)\(text.isEmpty ? "" : ", \(text)")). Use the same version at both peers."
            case .failed(let text): "The connection was lost (\(text)). Connect again."
            }
        if case .remote(let code, _) = reason { return ConnectionError(.closed, text, remoteCode: code) }
        return ConnectionError(.closed, text)
    }
}
