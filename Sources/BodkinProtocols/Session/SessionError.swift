/// What the remote peer did wrong, or why it refused a path.
package struct SessionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure. The first group ends one path, the second the session.
    package enum Code: Hashable, Sendable {
        /// A path frame whose payload cannot be read.
        case malformedPathFrame
        /// A path frame that may not come here, as a second OPEN.
        case unexpectedPathFrame
        /// A path frame of a type below 64 that this version does not know.
        case unknownPathFrame
        /// A path frame longer than allowed.
        case pathFrameTooLong
        /// A version that this program does not speak.
        case unsupportedVersion
        /// The path was opened for another session or another instance.
        case wrongSession
        /// A record is missing.
        case recordGap
        /// An acknowledgement for a record that was never sent.
        case acknowledgedUnsent
        /// The initial limits are below what version 1 promises.
        case limitsTooLow
        /// The remote peer closed the path for this reason.
        case closedByPeer(PathCloseReason)

        /// More data than the window allows: FLOW_CONTROL_ERROR.
        case flowControl
        /// More streams than allowed: STREAM_LIMIT_ERROR.
        case streamLimit
        /// A frame for a stream whose state does not allow it: STREAM_STATE_ERROR.
        case streamState
        /// A stream's length changed after it was known: FINAL_SIZE_ERROR.
        case finalSize
        /// A frame in a record that cannot be read: FRAME_ENCODING_ERROR.
        case frameEncoding
        /// A record without any frame: PROTOCOL_VIOLATION.
        case protocolViolation

        /// The error code of CONNECTION_CLOSE (RFC 9000 section 20.1); nil for what ends only a path.
        var wireCode: UInt64? {
            switch self {
            case .flowControl: 0x03
            case .streamLimit: 0x04
            case .streamState: 0x05
            case .finalSize: 0x06
            case .frameEncoding: 0x07
            case .protocolViolation: 0x0A
            default: nil
            }
        }
    }

    /// The kind.
    package let code: Code
    /// What happened, in words.
    package let message: String

    /// An error of this kind.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// One line: the failure, and what to do.
    package var description: String {
        switch code {
        case .unsupportedVersion: "The two peers are incompatible (\(message)). Use the same version of Bodkin at both."
        case .wrongSession: "The path was closed (\(message)). Dial the peer again."
        case .closedByPeer(.unknownSession): "The remote peer has restarted or ended the session (\(message)). Dial the peer again."
        case .closedByPeer: "The path was closed (\(message)). Dial the peer again."
        default: "The remote peer violated the session protocol (\(message)). Dial again, and report the error if it recurs."
        }
    }
}
