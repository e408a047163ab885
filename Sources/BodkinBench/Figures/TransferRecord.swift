/// Goodput and processor time of transfers by one way, round by round.
struct TransferRecord {
    let name: String
    /// 10^6 bytes a second.
    private(set) var goodput = Rounds()
    /// Seconds of processor time for 10^9 bytes.
    private(set) var processorTime = Rounds()

    init(_ name: String) { self.name = name }

    /// Adds what a round has taken.
    mutating func note(_ byteCount: Int, _ seconds: Double, _ processorSeconds: Double) {
        goodput.append(Double(byteCount) / 1e6 / max(seconds, 1e-9))
        processorTime.append(processorSeconds / (Double(byteCount) / 1e9))
    }

    /// A line of a table.
    func show(nameWidth: Int) {
        let padding = String(repeating: " ", count: max(0, nameWidth - name.count))
        print("  \(name)\(padding) \(goodput.text(decimals: 0)) MB/s; \(processorTime.text(decimals: 2)) s/GB")
    }
}
