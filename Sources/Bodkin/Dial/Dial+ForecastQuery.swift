import BodkinCore
import BodkinProtocols

/// Asking the remote peer what its ports look like from outside, by circuit and without firing anything: a `Forecast` of round 0 is the question, and the answer.
extension Dial {
    /// The circuit has proved the remote peer: the dialer of a query asks, and the called side answers.
    mutating func continueForecastQuery(_ context: Context, at now: Instant) {
        guard role == .dialer else { return answerForecastQuery(context) }
        guard purpose == .forecast else { return }
        perform(.requestForecast)
        forecastQuery = .asked(until: now + max(Self.forecastTimeout, context.serverRoundTrip * 8))
    }

    /// A forecast that belongs to no round.
    mutating func received(_ forecast: WireForecast, _ context: Context) {
        guard role == .called else { return perform(.deliverForecast(forecast)) }
        if case .none = forecastQuery { forecastQuery = .received(hasResampled: false) }
        answerForecastQuery(context)
    }

    /// Answers once, and only a peer that the server has let dial, and that has proved to be that one.
    mutating func answerForecastQuery(_ context: Context) {
        guard isCircuitAuthenticated, case .received(let hasResampled) = forecastQuery, !context.isSampling else { return }
        // Lost packets make a sampling fail, so it is repeated once.
        if hasResampled {
            forecastQuery = .answered
            perform(.answerForecast)
        } else {
            forecastQuery = .received(hasResampled: true)
            perform(.sampleAgain)
        }
    }
}
