#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// A capture in the pcap format with nanoseconds, readable by tshark (draft-ietf-opsawg-pcap; link type 101: raw IP).
struct CaptureFile: Sendable {
    private let file: Descriptor
    private var buffer: [UInt8]
    private var isBroken = false
    /// The lab's clock is monotonic: this much later is the time of day.
    private let offset: Int64

    /// Creates or truncates the file.
    init(path: String) throws {
        let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard raw >= 0 else {
            throw LabError(
                .usage, "The capture \(path) cannot be written (\(text(of: errno))). Name a file in an existing directory.", errorNumber: errno)
        }
        file = Descriptor(raw)
        // A pipe would stop the lab's clock whenever its reader is slow.
        guard lseek(raw, 0, SEEK_CUR) == 0 else { throw LabError(.usage, "The capture \(path) is not a regular file. Name a file.") }
        offset = bodkin_time_of_day() - LabInstant.now.nanoseconds
        buffer = []
        for word in [0xA1B2_3C4D, 0x0004_0002, 0, 0, 65_535, 101] as [UInt32] { append(word) }
        flush()
    }

    /// Adds a packet; it reaches the file with the next ``flush()``.
    mutating func append(_ packet: Packet, at time: LabInstant) {
        let nanoseconds = time.nanoseconds &+ offset
        append(UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000))
        append(UInt32(truncatingIfNeeded: nanoseconds % 1_000_000_000))
        append(UInt32(packet.count))
        append(UInt32(packet.count))
        buffer += packet.bytes
        if buffer.count > 1 << 20 { flush() }
    }

    /// Writes what waits. A full disk ends the capture, not the lab: what was written remains readable up to the last whole packet.
    mutating func flush() {
        guard !isBroken else { return buffer.removeAll() }
        isBroken = buffer.withUnsafeBytes { write(file.raw, $0.baseAddress, $0.count) } != buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func append(_ word: UInt32) { withUnsafeBytes(of: word) { buffer += $0 } }
}

extension LabInstant {
    /// The present, on the kernel's monotonic clock.
    static var now: LabInstant { LabInstant(nanoseconds: bodkin_monotonic_now()) }
}
#endif
