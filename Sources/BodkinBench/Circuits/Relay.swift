import Glibc

/// A way through a relay that runs as one process.
protocol Relay {
    /// What it is called in the table.
    static var name: String { get }
    /// The relay's process, whose processor time is measured.
    var process: pid_t { get }
    /// Sends so many bytes one way and waits until the far end has read them.
    func transfer(_ byteCount: Int) async throws
}
