import BodkinCore

/// When this process began, as early as Swift code can tell: what the times of a cold `bodkin connect` count from.
enum ProcessStart {
    private static let instant = ContinuousClock.now

    /// Notes the moment; to be called first.
    static func note() { _ = instant }

    /// The time since then.
    static var elapsed: Duration { ContinuousClock.now - instant }
}

extension Duration {
    /// Milliseconds with one decimal.
    var tenths: Double { (milliseconds * 10).rounded() / 10 }
}
