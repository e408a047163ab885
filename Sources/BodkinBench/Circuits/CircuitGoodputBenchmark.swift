import BodkinCore

/// Goodput one way through a circuit, and what the server's process takes for it, beside a plain splice, and coturn with and without TLS at its client.
struct CircuitGoodputBenchmark {
    private static let nameWidth = 18

    /// How many bytes are sent each time.
    var byteCount = 256 << 20
    var rounds = 5

    /// Runs it and prints what it finds. There is no target.
    func run() async throws {
        print("goodput through a relay on loopback, \(byteCount >> 20) MiB one way, \(rounds) rounds of each in turn; median (least to most)")
        print("MB/s at the far end, with the relay's process' seconds of processor time for a GB; load before: \(KernelFigures.load)")
        try await CircuitRelay.with { circuit in
            let socat = try await SplicedRelay()
            let coturns = [try await TURNRelay(isSecure: false), try await TURNRelay(isSecure: true)]
            let relays: [any Relay] = [circuit, socat] + coturns
            var records = relays.map { TransferRecord($0.name) }
            for relay in relays { try await relay.transfer(byteCount / 8) }
            for _ in 0..<rounds {
                for (index, relay) in relays.enumerated() {
                    let before = ProcessFigures(of: relay.process).processorTime
                    let start = ContinuousClock.now
                    try await relay.transfer(byteCount)
                    let seconds = (ContinuousClock.now - start) / .seconds(1)
                    records[index].note(byteCount, seconds, ProcessFigures(of: relay.process).processorTime - before)
                }
            }
            for record in records { record.show(nameWidth: Self.nameWidth) }
            try await socat.end()
            for coturn in coturns { try await coturn.end() }
        }
    }
}
