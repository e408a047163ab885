extension Session {
    /// What happened in a session; see ``Session/nextEvent()``.
    package enum Event: Hashable, Sendable {
        /// The stream has bytes, its end, or its reset to read: read until ``StreamRead/nothing``, ``StreamRead/end`` or ``StreamRead/reset(code:)``.
        case readable(StreamID)
        /// A stream that took less than it was offered takes more now.
        case writable(StreamID)
        /// The remote peer wants no more of this stream: what was not sent is dropped, and further writes take nothing.
        case stopped(StreamID, code: UInt64)
        /// The remote peer opened this stream.
        case opened(StreamID)
        /// ``Session/openStream()`` gave nothing before and would give a stream now.
        case streamsAvailable
        /// The remote peer answered, for the first time, on this path: the session exists at both ends.
        case confirmed(PathID)
        /// This path carries the session from now on, confirmed by both ends; not sent for the first choice.
        case tookOver(PathID, generation: UInt64)
        /// The remote peer has answered the PROBE of ``Session/probe(_:)``.
        case answered(PathID)
        /// Everything for this path has been handed out by ``Session/output(on:limit:)``: flush it, half-close the path, and close it when the
        /// remote peer's end has been read or after a time limit. (Closing it with unread bytes would send an RST.)
        case closePath(PathID)
        /// The path broke the protocol or was refused. ``closePath(_:)`` follows.
        case failedPath(PathID, SessionError)
        /// No path is left. Add one, or call ``Session/fail(_:)``.
        case withoutPath
        /// The remote application has closed: it reads and writes no more. The session is over when the local application has read everything, or closes as well.
        case remoteClosing(SessionCloseReason)
        /// The remote peer has more to send than the window of all streams allows, and the application reads it at once: see ``Session/raiseWindow(to:)``.
        case windowWanted
        /// The session is over. What was received before can still be read; nothing else happens on its streams.
        case closed(SessionCloseReason)
    }
}
