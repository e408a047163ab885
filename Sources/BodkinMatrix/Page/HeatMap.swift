import BodkinCore

/// A map of every pair of some networks in a triangle, with the routes and times of their dials.
struct HeatMap: Sendable {
    /// One pair.
    struct Cell: Sendable {
        var a: String
        var b: String
        var dials: Int
        var direct: Int
        var unconnected: Int
        /// The estimate in words.
        var verdict: String
        /// Whether a direct path is expected.
        var isDirectExpected: Bool
        /// Times to the first byte by the direct path, in milliseconds, sorted.
        var times: [Double]
        /// The first byte by whatever path, sorted.
        var firstBytes: [Double]
        /// In words: direct dials by the rounds of prediction they took.
        var rounds: String
        var mostProbes: Int
        var packets: Double
        var seeds: String
        var findings: [String]

        var name: String { "\(a) + \(b)" }
        /// The class of the cell, which decides its colour.
        var style: String {
            if dials == 0 { return "none" }
            if direct == dials { return "all" }
            if direct == 0 { return isDirectExpected ? "bad" : "circuit" }
            return direct * 10 >= dials * 9 ? "most" : "some"
        }
        /// The text of the cell.
        var share: String { dials == 0 ? "–" : "\(direct)/\(dials)" }
        func time(_ part: Double) -> String { times.isEmpty ? "" : Figures.whole(Figures.percentile(times, part)) }

        /// The figures of the pair, as the text that a pointer shows.
        var details: String {
            var lines = ["\(name)", "estimate: \(verdict)", "direct in \(direct) of \(dials) dials, \(dials - direct - unconnected) by circuit"]
            if !times.isEmpty { lines.append("byte by the direct path: p50 \(time(0.5)) ms, p99 \(time(0.99)) ms") }
            if !firstBytes.isEmpty {
                lines.append(
                    "first byte: p50 \(Figures.whole(Figures.percentile(firstBytes, 0.5))) ms, p99 \(Figures.whole(Figures.percentile(firstBytes, 0.99))) ms"
                )
            }
            if !rounds.isEmpty { lines.append("rounds of prediction: \(rounds)") }
            lines.append("packets: \(Figures.whole(packets)); SYNs in a round: at most \(mostProbes)")
            return (lines + findings).joined(separator: "\n")
        }
    }

    var title: String
    /// The beginning of its anchors.
    var anchor: String
    var names: [String]
    var cells: [Cell]

    /// The map: each pair once, below the diagonal.
    var table: String {
        let head = HTML.element(
            "tr", [:],
            HTML.element("td", [:], "") + names.map { HTML.element("th", ["class": "top", "scope": "col"], HTML.element("span", text: $0)) }.joined())
        let byName = Dictionary(cells.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let rows = names.indices.map { row in
            let cells = names.indices.map { column -> String in
                guard column <= row else { return HTML.element("td", ["class": "beyond"], "") }
                guard let cell = byName["\(names[row]) + \(names[column])"] ?? byName["\(names[column]) + \(names[row])"] else {
                    return HTML.element("td", ["class": "none"], "–")
                }
                let mark = cell.findings.isEmpty ? "" : HTML.element("b", text: "!")
                let time = cell.times.isEmpty ? "" : HTML.element("small", text: cell.time(0.5))
                return HTML.element(
                    "td", ["class": cell.style + (cell.findings.isEmpty ? "" : " finding"), "title": cell.details],
                    HTML.escaped(cell.share) + mark + time)
            }
            return HTML.element("tr", [:], HTML.element("th", ["scope": "row"], text: names[row]) + cells.joined())
        }
        return HTML.element("table", ["class": "map"], "\n" + ([head] + rows).joined(separator: "\n") + "\n")
    }

    /// The list: each pair in a row, with its figures.
    var list: String {
        let heads = [
            "pair", "estimate", "direct", "circuit", "p50", "p99", "first byte p50", "rounds", "SYNs a round", "packets", "seeds", "unexpected",
        ]
        let head = HTML.element("thead", [:], HTML.element("tr", [:], heads.map { HTML.element("th", ["scope": "col"], text: $0) }.joined()))
        let rows = cells.map { cell in
            let values = [
                cell.name, cell.verdict, cell.share, "\(cell.dials - cell.direct - cell.unconnected)", cell.time(0.5), cell.time(0.99),
                cell.firstBytes.isEmpty ? "" : Figures.whole(Figures.percentile(cell.firstBytes, 0.5)), cell.rounds, "\(cell.mostProbes)",
                cell.dials == 0 ? "" : Figures.whole(cell.packets), cell.seeds, cell.findings.joined(separator: "; "),
            ]
            return HTML.element(
                "tr", ["class": cell.findings.isEmpty ? cell.style : "\(cell.style) finding"], values.map { HTML.element("td", text: $0) }.joined())
        }
        return HTML.element("table", ["class": "list"], head + HTML.element("tbody", [:], "\n" + rows.joined(separator: "\n") + "\n"))
    }
}
