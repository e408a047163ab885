import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// A path whose far side, a dialer, is proved: its first frame says which session it is for.
final class Newcomer {
    /// The longest first frame of a session (docs/wire.md).
    private static let openLimit = 16_384
    /// How long it is waited for. The dialer sends its first frame with the last flight of its handshake.
    private static let patience = TimeAmount.seconds(10)

    private let path: Path
    private let peer: PeerID
    private weak var engine: PeerEngine?
    private var unread = ByteBuffer()
    private var deadline: OneShot?

    /// Follows a path until it is opened.
    init(_ path: Path, from peer: PeerID, engine: PeerEngine) {
        self.path = path
        self.peer = peer
        self.engine = engine
        deadline = OneShot(on: engine.eventLoop, in: Self.patience) { [weak self] in self?.close() }
        path.onEvent = { [self] event in
            switch event {
            case .bytes(var bytes): unread.writeBuffer(&bytes)
            case .closed: end()
            case .readCompleted: look()
            case .secured, .writabilityChanged: break
            }
        }
    }

    /// Opens it, as soon as its first frame is there and nothing stands against it.
    func look() {
        guard isWaiting, let engine else { return }
        do {
            if let opening = try Session.peekOpen(unread), !engine.holds(self, opening, from: peer) {
                end()
                return engine.open(path, opening, from: peer, received: unread)
            }
            if unread.readableBytes > Self.openLimit { close() }
        } catch {
            close()
        }
    }

    /// Whether it is still to be opened.
    var isWaiting: Bool { deadline != nil }

    /// Nobody wants it.
    func close() {
        end()
        path.close()
    }

    private func end() {
        deadline?.cancel()
        deadline = nil
        path.onEvent = { _ in }
    }
}
