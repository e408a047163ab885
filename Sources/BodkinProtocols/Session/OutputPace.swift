/// How fast bytes leave by a path, and what that allows: what suits a fast path would hold up a slow one.
package struct OutputPace: Sendable {
    /// The interval over which sent bytes are measured together.
    private static let window = Duration.milliseconds(20)
    /// How long a record may take on its way, all of which is needed before any of it is read.
    private static let recordTime = 0.004
    /// How long what waits in the system's buffer may take: nothing that comes later, on this path or on the next one, waits for longer.
    private static let unsentTime = 0.01

    /// How many round trips' worth of bytes may be under way: what the way holds, what its queues do, and what comes while losses are made good.
    private static let roundTripsUnderWay = 8.0
    /// So much may be under way on any path. More is in no cache any more when the remote peer reads it.
    private static let leastUnderWay = 1 << 20
    /// Up to this round trip that is enough for a gigabyte a second.
    private static let shortRoundTrip = Duration.milliseconds(1)

    private var start = Duration.zero
    private var count = 0
    /// In bytes per second; 0 before the first bytes, and after a pause.
    private var rate = 0.0
    /// The highest of late, forgotten in some seconds: what is under way must not shrink because little of it was allowed.
    private var peak = 0.0
    private static let memory = 0.99

    /// Nothing is sent yet.
    package init() {}

    /// How long a record may be: from 16 to 80 KiB.
    package var recordLimit: Int { min(max(Int(rate * Self.recordTime), 16_384), PathFrame.largestRecord) }

    /// How many bytes are handed to the system at once: as much as a record may take, up to 256 KiB, which the processor still has at hand.
    package var batch: Int { min(Int(rate * Self.recordTime), 1 << 18) }

    /// How many bytes may be under way, sent and not acknowledged by the remote peer's session: at least 1 MiB.
    /// - Parameter roundTrip: the least that an answer has taken on the path.
    package func underWay(within roundTrip: Duration) -> Int {
        let time = max(roundTrip - Self.shortRoundTrip, .zero) / .seconds(1)
        return max(Self.leastUnderWay, Int(min(peak * time * Self.roundTripsUnderWay, 0x1p30)))
    }

    /// How many unsent bytes the system may have: a power of two from 128 KiB to 8 MiB.
    package var unsentLimit: Int {
        let most = min(max(Int(rate * Self.unsentTime), 1 << 17), 1 << 23)
        return 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
    }

    /// Takes note of bytes that left at a time that never goes back.
    package mutating func sent(_ bytes: Int, at now: Duration) {
        count += bytes
        let passed = now - start
        guard passed >= Self.window else { return }
        rate = Double(count) / (passed / .seconds(1))
        peak = max(rate, peak * Self.memory)
        (start, count) = (now, 0)
    }
}
