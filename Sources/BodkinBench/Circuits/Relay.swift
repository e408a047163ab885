import Glibc

/// A way through a relay that runs as one process.
protocol Relay {
    /// What it is called in the table.
    var name: String { get }
    /// The relay's process, whose processor time is measured.
    var process: pid_t { get }
    /// Sends so many bytes one way and waits until the far end has read them.
    func transfer(_ byteCount: Int) async throws
}

/// A relay between two connections that carry the bytes and nothing else.
protocol PlainRelay: Relay {
    var near: TransferHandler.End { get }
    var far: TransferHandler.End { get }
}

extension PlainRelay {
    func transfer(_ byteCount: Int) async throws {
        let near = near
        async let written: Void = near.transfer(writing: byteCount, reading: 0)
        try await far.transfer(writing: 0, reading: byteCount)
        try await written
    }
}
