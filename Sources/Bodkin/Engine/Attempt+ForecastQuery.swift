import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Asking the far side what its ports look like from outside, by circuit and without firing anything: a `Forecast` of round 0 is the question, and the answer.
extension Attempt {
    /// How long the answer may take once the far side is proved: one that knows no question says nothing.
    private static let forecastQueryTimeout = TimeAmount.seconds(3)

    /// The far side's forecast; nil where it tells nothing.
    func queryForecast() -> EventLoopFuture<WireForecast?> {
        let promise = engine.eventLoop.makePromise(of: WireForecast?.self)
        forecastQuery = promise
        begin()
        return promise.futureResult
    }

    /// The circuit has proved the remote peer: the dialer of a query asks, and the called side answers.
    func continueForecastQuery() {
        guard role == .dialer else { return answerForecastQuery() }
        guard forecastQuery != nil else { return }
        send(WireForecast())
        let patience = max(Self.forecastQueryTimeout, engine.serverRoundTrip * 8)
        engine.eventLoop.assumeIsolated().scheduleTask(in: patience) { [weak self] in self?.completeForecastQuery(nil) }
    }

    /// A forecast that belongs to no round.
    func receivedForecast(_ forecast: WireForecast) {
        guard role == .called else { return completeForecastQuery(forecast) }
        hasReceivedForecastQuery = true
        answerForecastQuery()
    }

    private func completeForecastQuery(_ forecast: WireForecast?) {
        guard let promise = forecastQuery else { return }
        forecastQuery = nil
        promise.succeed(forecast)
        end()
    }

    /// Once, and only to whom the server has let dial us and who has proved to be that one.
    func answerForecastQuery() {
        guard hasAuthenticatedCircuit, hasReceivedForecastQuery, !hasAnsweredForecastQuery else { return }
        // A look that has come to nothing, as where packets were lost, may be luckier once more.
        if !isLookedAtAgain, !engine.isSampling {
            isLookedAtAgain = true
            engine.learnAllocationBetter()
        }
        guard !engine.isSampling else { return }
        hasAnsweredForecastQuery = true
        send(engine.localForecast.map { WireForecast($0, round: 0) } ?? WireForecast())
    }

    func send(_ forecast: WireForecast) {
        var signal = WireSignal()
        signal.attempt = Data(id.bytes)
        signal.forecast = forecast
        engine.link?.send(.signal(signal))
    }
}

extension PeerEngine {
    /// Dials a peer by circuit, opens no session, and asks for its forecast: its application hears nothing of it.
    func queryForecast(of peer: PeerID) -> EventLoopFuture<WireForecast?> {
        if case .failed(let error) = state { return eventLoop.makeFailedFuture(error) }
        guard !isOver else { return eventLoop.makeFailedFuture(PeerError(.closed, "The local peer is closed. Create another peer.")) }
        guard peer != id else {
            return eventLoop.makeFailedFuture(PeerError(.ourselves, "This is the ID of the local peer. Use the ID of the remote peer."))
        }
        let attempt = Attempt(dialing: peer, engine: self)
        keep(attempt)
        return attempt.queryForecast()
    }
}
