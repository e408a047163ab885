#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab

/// The outcome of simultaneous opens with plain sockets for every pair of NATs.
struct LabMatrix: Codable, Sendable {
    struct Try: Codable, Sendable {
        var a: String
        var b: String
        var seed: UInt64
        /// The estimate for two Bodkin peers that know both NATs. Plain sockets predict no ports.
        var oracle: String
        var exercise: PlainExercise

        /// The time of the slower host, if both connected.
        var milliseconds: Double? {
            guard exercise.isConnected, let a = exercise.a.simultaneousOpen, let b = exercise.b.simultaneousOpen else { return nil }
            return max(a.milliseconds, b.milliseconds)
        }
    }

    /// The release of the kernel.
    var kernel: String
    var seed: UInt64
    var isKernelNAT: Bool
    var delayMilliseconds: Double
    var loss: Double
    var repeats: Int
    var tries: [Try] = []

    init(kernel: String, seed: UInt64, isKernelNAT: Bool, link: LinkParameters, repeats: Int) {
        self.kernel = kernel
        self.seed = seed
        self.isKernelNAT = isKernelNAT
        delayMilliseconds = link.delay.milliseconds
        loss = link.loss
        self.repeats = repeats
    }

    /// Returns the line of one pair.
    func line(_ a: String, _ b: String) -> String {
        "\(a.padded(20))  \(b.padded(20))  \(cell(a, b).padded(24))  estimate: \(tries(a, b).first?.oracle ?? "")"
    }

    private func tries(_ a: String, _ b: String) -> [Try] { tries.filter { ($0.a, $0.b) == (a, b) || ($0.a, $0.b) == (b, a) } }

    /// Returns the share of connected tries, with the median and 99th percentile of their times.
    private func cell(_ a: String, _ b: String) -> String {
        let own = tries(a, b)
        let times = own.compactMap(\.milliseconds).sorted()
        guard !times.isEmpty else { return "no" }
        func percentile(_ part: Double) -> String { Timeline.fixed(times[min(times.count - 1, Int(Double(times.count) * part))]) }
        let share = own.count == 1 ? "" : "\(times.count)/\(own.count), "
        return times.count == 1 ? "\(share)\(percentile(0)) ms" : "\(share)p50 \(percentile(0.5)) ms, p99 \(percentile(0.99)) ms"
    }

    /// Returns the table as an HTML page.
    func page(_ names: [String]) -> String {
        let header = "<tr><th></th>" + names.map { "<th>\($0)</th>" }.joined() + "</tr>"
        let rows = names.map { a in
            "<tr><th>\(a)</th>"
                + names.map { b in
                    let text = cell(a, b)
                    let oracle = tries(a, b).first?.oracle ?? ""
                    return "<td class=\"\(text == "no" ? "no" : "yes")\">\(text)<br><small>\(oracle)</small></td>"
                }.joined() + "</tr>"
        }
        return """
            <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simultaneous open behind every pair of NATs</title>
            <style>body{font:14px system-ui}table{border-collapse:collapse}th,td{border:1px solid #ccc;padding:.3em;text-align:center}
            .yes{background:#dfd}.no{background:#fdd}</style></head><body>
            <h1>Simultaneous open with plain sockets</h1>
            <p>Kernel \(kernel), \(isKernelNAT ? "NATs by the kernel" : "emulated NATs"), one-way delay \(Timeline.fixed(delayMilliseconds)) ms,
            loss \(Timeline.fixed(loss * 100)) % per link and direction, \(repeats) tries of each unordered pair in a fresh lab, seed \(seed).
            Below each outcome: the estimate for two Bodkin peers that know both NATs and may predict ports.</p>
            <table>\(header)\(rows.joined(separator: "\n"))</table></body></html>

            """
    }
}
#endif
