import BodkinProtocols

/// Why a connection or a stream of it can no longer be used.
public struct ConnectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: Hashable, Sendable {
        /// The far side has reset the stream, with this code.
        case reset(UInt64)
        /// The far side wants no more of the stream, with this code.
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

    private init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }

    /// This side has finished its half, or given up the stream.
    public static let finished = ConnectionError(.finished, "this side of the stream is finished: open another stream to send more")
    static let busy = ConnectionError(.busy, "another task reads this stream: let one task read, or open another stream")
    static func reset(_ code: UInt64) -> ConnectionError {
        ConnectionError(.reset(code), "the far side has reset the stream (code \(code)): open another stream, or ask its application why")
    }
    static func stopped(_ code: UInt64) -> ConnectionError {
        ConnectionError(.stopped(code), "the far side reads no more of this stream (code \(code)): stop sending, or open another stream")
    }
    static func closed(_ reason: SessionCloseReason) -> ConnectionError {
        let text =
            switch reason {
            case .local: "the connection was closed here: connect again to go on"
            case .remote(let code, let text): "the far side has closed the connection (code \(code)\(text.isEmpty ? "" : ", \(text)")): connect again"
            case .protocolError(let error): "\(error)"
            case .remoteProtocolError(let code, let text):
                "the far side says that we broke the protocol (code \(code)\(text.isEmpty ? "" : ", \(text)")): use the same version on both sides"
            case .failed(let text): "the connection was lost (\(text)): connect again"
            }
        return ConnectionError(.closed, text)
    }
}
