extension Duration {
    /// Milliseconds with a fraction.
    package var milliseconds: Double { Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15 }

    /// For people: `12.3 ms`.
    package var inMilliseconds: String { "\((milliseconds * 10).rounded() / 10) ms" }
}
