import BodkinCore
import BodkinExercise

extension Evidence {
    /// The page about it, in Markdown.
    func page(_ cells: [PeerCell]) -> String {
        var lines = [
            "# The matrix", "",
            "Made by `make matrix`: real peers and a real server in the laboratory's emulated networks, release build, kernel \(kernel), seed \(seed), d = 25 ms",
            "one way between any two hosts unless the cell says otherwise. Each dial is in a fresh lab; both peers are registered beforehand (warm).",
            "Every dial is in `matrix.json`.", "", summary.split(separator: "\n").joined(separator: ".\n") + ".", "",
        ]
        if !speed.isEmpty { lines += speedTable }
        lines += [
            "## Cells", "",
            "Times in ms from the dial; `direct` is when the connection had moved to the direct path, or begun on it.", "",
            "| cell | route | as expected | remote byte p50 / p99 | echo p50 / p99 | direct p50 / p99 | with loss: direct within 3 s | direct p50 / p99 |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += cells.filter { cell in dials.contains { $0.cell == cell.name } }.map(row)
        if let pairs {
            lines += [
                "", "## Pairs with an estimate", "", "[matrix.html](matrix.html) has each pair with its estimate. In short:",
                "",
            ]
            lines += [pairs.summary.split(separator: "; ").joined(separator: ";\n") + ".", "", "Unexpected:", ""]
            lines += pairs.findings.isEmpty ? ["none."] : pairs.findings.map { "- \($0.line)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var speedTable: [String] {
        var lines = [
            "## Speed", "",
            "One lab at a time. `asked` is the floor in one-way delays d and what the median may be above it. Packets and bytes are all that both hosts and the",
            "server sent for one dial, its echo and its end; SYNs are the dialer's shots.", "",
            "| pair | what | dials | p50 | asked | p99 | packets | bytes | SYNs |", "|---|---|---|---|---|---|---|---|---|",
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
