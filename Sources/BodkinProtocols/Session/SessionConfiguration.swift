extension Session {
    /// Which end of a session this is.
    package enum Role: Hashable, Sendable {
        /// The end that dialed. It chooses the path that carries the session.
        case dialer
        /// The end that was dialed.
        case called
    }

    /// The bounds of a session. Every one has a default that works.
    public struct Configuration: Hashable, Sendable {
        /// How many bytes of one stream may arrive before the application reads: 1 MiB. At least 64 KiB.
        public var streamWindow = 1 << 20 { didSet { streamWindow = Self.bounded(streamWindow, from: InitialLimits.floor) } }
        /// The limit to which the window grows on a long path, if the application reads at once: 16 MiB.
        public var largestStreamWindow = 16 << 20 { didSet { largestStreamWindow = Self.bounded(largestStreamWindow, from: InitialLimits.floor) } }
        /// How many bytes of all streams together may arrive before the application reads: 4 MiB. At least 64 KiB.
        public var connectionWindow = 4 << 20 { didSet { connectionWindow = Self.bounded(connectionWindow, from: InitialLimits.floor) } }
        /// Up to how many they grow together: 16 MiB.
        public var largestConnectionWindow = 16 << 20 {
            didSet { largestConnectionWindow = Self.bounded(largestConnectionWindow, from: InitialLimits.floor) }
        }
        /// How many streams of the remote peer's opening may be alive at once: 1 024.
        public var remoteStreams = 1024 { didSet { remoteStreams = min(max(remoteStreams, 0), 65_536) } }
        /// How many streams of this side's opening may be alive at once, whatever the remote peer allows: 1 024.
        public var localStreams = 1024 { didSet { localStreams = min(max(localStreams, 0), 65_536) } }
        /// The bytes of one stream that wait before `Session.write(_:to:)` accepts no more: 256 KiB, or 32 KiB if a MiB of all streams waits. A piece of up to
        /// 64 KiB that begins below the limit is accepted whole.
        public var streamSendBuffer = 256 << 10 { didSet { streamSendBuffer = Self.bounded(streamSendBuffer, from: 1) } }
        /// The bytes of records that may wait for their acknowledgement: 16 MiB, less on a short path, and at least 64 KiB. Each record counts 64 bytes of
        /// overhead.
        public var unacknowledgedBytes = 16 << 20 { didSet { unacknowledgedBytes = Self.bounded(unacknowledgedBytes, from: 64 << 10) } }
        /// How many records may wait for their acknowledgement: 16 384. At least 16.
        public var unacknowledgedRecords = 16_384 { didSet { unacknowledgedRecords = min(max(unacknowledgedRecords, 16), 1 << 20) } }

        /// The defaults.
        public init() {}

        /// One GiB is more than any path needs, and far from every overflow.
        private static func bounded(_ value: Int, from least: Int) -> Int { min(max(value, least), 1 << 30) }
    }
}
