import BodkinProtocols
import BodkinTransport
import NIOCore

/// Whoever waits for the server looks at the link to it: one that dies meanwhile would be noticed by nobody.
extension PeerEngine {
    /// Asks the server whether it hears us.
    func verifyLink() {
        link?.verify(within: isLinkPrecious ? verificationTime : max(.milliseconds(150), serverRoundTrip * 2 + .milliseconds(50)))
    }

    /// Whether more is lost with the link than a session without a path would dial for again: what runs on a circuit, or a first dial.
    private var isLinkPrecious: Bool {
        sessions.values.contains { $0.driver.activePath?.kind == .circuit } || attempts.values.contains { $0.role == .dialler && $0.session == nil }
    }

    /// How often the link is looked at while somebody waits for what the server is to bring: at first, and at last.
    private static let vigilPauses = (first: TimeAmount.milliseconds(300), longest: TimeAmount.seconds(5))

    /// Somebody waits for what only the server can bring, from now on. A link that dies meanwhile would be noticed by nobody: what is sent over it is acknowledged
    /// by nothing but the answer.
    func keepVigil() {
        vigil?.cancel()
        keepVigil(for: max(Self.vigilPauses.first, serverRoundTrip * 3))
    }

    private func keepVigil(for pause: TimeAmount) {
        vigil = OneShot(on: eventLoop, in: pause) { [weak self] in
            guard let self, !self.isOver, self.isServerAwaited else { return }
            self.verifyLink()
            self.keepVigil(for: min(pause * 2, Self.vigilPauses.longest))
        }
    }

    /// Whether something is to come from the server, or by it.
    private var isServerAwaited: Bool {
        attempts.values.contains { $0.phase == .dialled }
            || sessions.values.contains { box in box.driver.activePath.map { $0.kind == .circuit && box.driver.isDoubted } ?? true }
    }

    /// Whether a connection waits for the server: it has no path, or one that is doubted, or is still to begin.
    var isServerMissed: Bool {
        sessions.values.contains { $0.driver.activePath == nil || $0.driver.isDoubted }
            || attempts.values.contains { $0.role == .dialler && $0.session == nil && $0.phase == .waiting }
    }
}
