import BodkinCore
import BodkinExercise

extension Evidence {
    /// The page about it, in Markdown.
    func page(_ cells: [PeerCell]) -> String {
        var lines = [
            "# The matrix", "",
            "`make matrix` dials real peers over a real server in the emulated networks of the lab. This run",
            "was a release build on kernel \(kernel) with seed \(seed). The one-way delay d between any two",
            "hosts is 25 ms, unless the cell says otherwise. Each dial has a fresh lab. Both peers are",
            "registered beforehand, except in cold dials. [matrix.json](matrix.json) has every dial.", "",
        ]
        lines += summary.split(separator: "\n").map { "- \($0.split(separator: "; ").joined(separator: ";\n  "))." } + [""]
        if !speed.isEmpty { lines += speedTable }
        lines += [
            "## Cells", "",
            "The times are ms from the dial. `direct` is the time at which the session used the direct path.", "",
            "| cell | route | as expected | remote byte p50 / p99 | echo p50 / p99 | direct p50 / p99 | with loss: direct within 3 s | direct p50 / p99 |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += cells.filter { cell in dials.contains { $0.cell == cell.name } }.map(row)
        if let pairs {
            lines += [
                "", "## Pairs with an estimate", "", "[matrix.html](matrix.html) has each pair with its estimate. In short:", "",
            ]
            lines += pairs.summary.split(separator: "; ").map { "- \($0)" } + ["", "Unexpected:", ""]
            lines += pairs.findings.isEmpty ? ["- none"] : pairs.findings.map { "- \($0.line)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var speedTable: [String] {
        var lines = [
            "## Speed", "",
            "One lab runs at a time. The target is the floor in one-way delays d, and an allowance for the",
            "median. Packets and bytes are those of both hosts and the server for one dial, its echo and its",
            "end. SYNs are those of the dialer.", "",
            "| pair | dial | dials | p50 | target | p99 | packets | bytes | SYNs |", "|---|---|---|---|---|---|---|---|---|",
        ]
        for figures in speed {
            lines.append(
                "| \(figures.pair) | \(figures.name) | \(figures.milliseconds.count) | \(Figures.rounded(figures.percentile(0.5))) ms | "
                    + "\(Figures.rounded(figures.floor))d + \(Figures.rounded(figures.allowance)) = \(Figures.rounded(figures.target)) ms | "
                    + "\(Figures.rounded(figures.percentile(0.99))) ms\(figures.tailTarget.map { " (at most \(Figures.rounded($0)))" } ?? "") | "
                    + "\(Figures.rounded(figures.packets)) | \(Figures.rounded(figures.bytes)) | \(figures.halfOpen.map(Figures.rounded) ?? "") |")
        }
        return lines + [""]
    }

    private func row(_ cell: PeerCell) -> String {
        func times(_ dials: [Dial], _ value: (Dial) -> Double?) -> String {
            let sorted = dials.compactMap(value).sorted()
            guard !sorted.isEmpty else { return "" }
            return "\(Figures.rounded(Figures.percentile(sorted, 0.5))) / \(Figures.rounded(Figures.percentile(sorted, 0.99)))"
        }
        let clean = clean.filter { $0.cell == cell.name }
        let lossy = lossy.filter { $0.cell == cell.name }
        let share = lossy.isEmpty || cell.route == .circuit ? "" : "\(lossy.count(where: \.isInTime))/\(lossy.count)"
        return
            "| \(cell.name) | \(cell.route.rawValue) | \(clean.count(where: \.isAsExpected))/\(clean.count) | \(times(clean, \.farByteMilliseconds)) | "
            + "\(times(clean, \.echoMilliseconds)) | \(times(clean, \.directMilliseconds)) | \(share) | \(times(lossy, \.directMilliseconds)) |"
    }
}
