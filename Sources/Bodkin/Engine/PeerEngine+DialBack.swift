import BodkinProtocols
import BodkinTransport
import NIOCore

/// Having the server connect to the reserved port, to learn what is let in.
extension PeerEngine {
    /// How long the server's answer may take: its own patience, and the way.
    private static let dialBackPatience = TimeAmount.seconds(5)
    /// How often it is asked again where it knows no warm connection yet.
    private static let dialBackLimit = 5

    /// What the server met at the reserved port; nil where it does not say.
    func dialBack() -> EventLoopFuture<WireDialedBack?> {
        guard !isOver, isRegistered, serverDialsBack, port != nil, waitingForDialBack == nil else { return eventLoop.makeSucceededFuture(nil) }
        return askForDialBack(Self.dialBackLimit)
    }

    private func askForDialBack(_ limit: Int) -> EventLoopFuture<WireDialedBack?> {
        let promise = eventLoop.makePromise(of: WireDialedBack?.self)
        waitingForDialBack = promise
        let deadline = OneShot(on: eventLoop, in: Self.dialBackPatience) { [weak self] in self?.dialedBack(nil) }
        link?.send(.dialBack(WireDialBack()))
        return promise.futureResult.assumeIsolated().flatMap { [weak self] answer in
            deadline.cancel()
            guard let self, limit > 0, !self.isOver, let answer, answer.results.isEmpty, !answer.quota else {
                return promise.futureResult.eventLoop.makeSucceededFuture(answer)
            }
            // The proof is still on its way.
            let pause = max(.milliseconds(100), self.serverRoundTrip)
            let later = self.eventLoop.makePromise(of: WireDialedBack?.self)
            self.eventLoop.assumeIsolated().scheduleTask(in: pause) { [weak self] in
                guard let self, !self.isOver else { return later.succeed(nil) }
                later.completeWith(self.askForDialBack(limit - 1))
            }
            return later.futureResult
        }.nonisolated()
    }

    /// The server's answer; nil where none will come.
    func dialedBack(_ answer: WireDialedBack?) {
        let promise = waitingForDialBack
        waitingForDialBack = nil
        promise?.succeed(answer)
    }
}
