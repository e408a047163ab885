#if os(Linux)
import Glibc

/// Reads a program's standard output and error until both have ended.
struct OutputCollector {
    private let pipes: [Descriptor]
    private let output: LabProcess.Output
    private var kept: [[UInt8]] = [[], []]
    /// What is kept of one stream.
    private static let limit = 16 << 20
    /// The longest line that is handed on in one piece.
    private static let lineLimit = 64 << 10

    init(_ pipes: [Descriptor], _ output: LabProcess.Output) {
        self.pipes = pipes
        self.output = output
    }

    /// Reads until both ends are closed.
    mutating func run() {
        var waits = pipes.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while waits.contains(where: { $0.fd >= 0 }) {
            guard poll(&waits, nfds_t(waits.count), -1) >= 0 || errno == EINTR else { return }
            for index in waits.indices where waits[index].revents != 0 {
                let count = read(waits[index].fd, &buffer, buffer.count)
                if count > 0 { take(buffer[0..<count], of: index) } else { waits[index].fd = -1 }
            }
        }
        for index in kept.indices where !kept[index].isEmpty {
            if case .lines(let report) = output { report(text(index)) }
        }
    }

    /// What is kept of a stream: 0 is output, 1 is error.
    func text(_ stream: Int) -> String { String(decoding: kept[stream], as: UTF8.self) }

    private mutating func take(_ bytes: ArraySlice<UInt8>, of stream: Int) {
        kept[stream] += bytes.prefix(Self.limit - kept[stream].count)
        guard case .lines(let report) = output else { return }
        var start = 0
        while start < kept[stream].count {
            let end = kept[stream][start...].firstIndex(of: 0x0A)
            guard let stop = end ?? (kept[stream].count - start > Self.lineLimit ? start + Self.lineLimit : nil) else { break }
            report(String(decoding: kept[stream][start..<stop], as: UTF8.self))
            start = end == nil ? stop : stop + 1
        }
        kept[stream].removeSubrange(..<start)
    }
}
#endif
