import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The end of a path that a hostile remote peer has: it opens a session as it should, most of the time, and then sends what comes. Confined to its event loop.
final class HostilePath {
    let path: Path
    let author: HostileKeys.Author
    /// Which end of the session this is, if one begins here.
    let role: Session.Role
    /// What the peer has opened the path with.
    private(set) var opening: PathOpening?
    /// What this end has opened it with.
    private(set) var answer: PathOpening?
    /// The number of the next record.
    var expected: UInt64 = 0
    private(set) var isClosed = false
    /// Is told that the path is authenticated, and of the peer's OPEN.
    var onSecured: (HostilePath) -> Void = { _ in }
    var onOpening: (HostilePath) -> Void = { _ in }
    private var unread = ByteBuffer()

    init(_ path: Path, _ author: HostileKeys.Author, role: Session.Role) {
        (self.path, self.author, self.role) = (path, author, role)
        path.onEvent = { [weak self] event in self?.handle(event) }
    }

    /// Whether frames may be sent.
    var isReady: Bool { !isClosed && path.peer != nil && answer != nil }

    private func handle(_ event: Path.Event) {
        switch event {
        case .secured: onSecured(self)
        case .bytes(let bytes): if opening == nil { read(bytes) }
        case .closed: isClosed = true
        case .readCompleted, .writabilityChanged: break
        }
    }

    private func read(_ bytes: ByteBuffer) {
        guard unread.readableBytes < 20_000 else { return }
        unread.writeImmutableBuffer(bytes)
        guard let found = try? Session.peekOpen(unread) else { return }
        opening = found
        unread = ByteBuffer()
        expected = found.nextExpected
        onOpening(self)
    }

    /// Opens the path, or answers the peer's OPEN.
    func open(_ opening: PathOpening) {
        answer = opening
        var buffer = ByteBuffer()
        PathFrame.open(opening).write(to: &buffer)
        send(buffer)
    }

    func send(_ bytes: ByteBuffer) { if !isClosed { path.channel.writeAndFlush(bytes, promise: nil) } }

    func close() {
        isClosed = true
        path.close()
    }
}
