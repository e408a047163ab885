import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Asking the far side what its ports look like from outside, by circuit and without firing anything: a `Forecast` of round 0 is the question, and the answer.
extension Attempt {
    /// How long the answer may take once the far side is proved: one that knows no question says nothing.
    private static let outlookPatience = TimeAmount.seconds(3)

    /// The far side's forecast; nil where it tells nothing.
    func askOutlook() -> EventLoopFuture<WireForecast?> {
        let promise = engine.eventLoop.makePromise(of: WireForecast?.self)
        outlook = promise
        begin()
        return promise.futureResult
    }

    /// The circuit has proved the remote peer: the dialer of a query asks, and the called side answers.
    func continueOutlookQuery() {
        guard role == .dialler else { return answerOutlook() }
        guard outlook != nil else { return }
        send(WireForecast())
        let patience = max(Self.outlookPatience, engine.serverRoundTrip * 8)
        engine.eventLoop.assumeIsolated().scheduleTask(in: patience) { [weak self] in self?.tellOutlook(nil) }
    }

    /// A forecast that belongs to no round.
    func receivedOutlook(_ forecast: WireForecast) {
        guard role == .called else { return tellOutlook(forecast) }
        isAskedForOutlook = true
        answerOutlook()
    }

    private func tellOutlook(_ forecast: WireForecast?) {
        guard let promise = outlook else { return }
        outlook = nil
        promise.succeed(forecast)
        end()
    }

    /// Once, and only to whom the server has let dial us and who has proved to be that one.
    func answerOutlook() {
        guard hasAuthenticatedCircuit, isAskedForOutlook, !isOutlookTold else { return }
        // A look that has come to nothing, as where packets were lost, may be luckier once more.
        if !isLookedAtAgain, !engine.isSampling {
            isLookedAtAgain = true
            engine.learnAllocationBetter()
        }
        guard !engine.isSampling else { return }
        isOutlookTold = true
        send(engine.outlook.map { WireForecast($0, round: 0) } ?? WireForecast())
    }

    private func send(_ forecast: WireForecast) {
        var signal = WireSignal()
        signal.attempt = Data(id.bytes)
        signal.forecast = forecast
        engine.link?.send(.signal(signal))
    }
}

extension PeerEngine {
    /// Dials a peer by circuit, opens no session, and asks for its forecast: its application hears nothing of it.
    func outlook(of peer: PeerID) -> EventLoopFuture<WireForecast?> {
        if case .failed(let error) = state { return eventLoop.makeFailedFuture(error) }
        guard !isOver else { return eventLoop.makeFailedFuture(PeerError(.closed, "the peer has been closed: make another one")) }
        guard peer != id else { return eventLoop.makeFailedFuture(PeerError(.ourselves, "this is our own peer ID: name the other side's")) }
        let attempt = Attempt(dialling: peer, engine: self)
        keep(attempt)
        return attempt.askOutlook()
    }
}
