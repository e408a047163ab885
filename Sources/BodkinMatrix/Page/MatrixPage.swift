/// The whole matrix as one page that needs nothing else: no script, no font, no network.
struct MatrixPage: Sendable {
    var evidence: Evidence

    var html: String {
        let maps = HeatMap.all(evidence)
        let findings = (evidence.pairs ?? PairEvidence()).findings
        var parts = [
            HTML.element("h1", text: "Who connects with whom"), about, summary,
            HTML.element("h2", text: "Not as it must be"),
            findings.isEmpty
                ? HTML.element("p", text: "Nothing.")
                : HTML.element("ul", [:], findings.map { HTML.element("li", text: $0.line) }.joined(separator: "\n")),
        ]
        for map in maps { parts += [HTML.element("h2", ["id": map.anchor], text: map.title), Self.legend, map.table] }
        for map in maps { parts += [HTML.element("h2", ["id": map.anchor + "-list"], text: "\(map.title), pair by pair"), map.list] }
        return """
            <!DOCTYPE html>
            <html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/><title>Bodkin: who connects with whom</title>
            <meta name="viewport" content="width=device-width"/><style>\(Self.style)</style></head><body>
            \(parts.joined(separator: "\n"))
            </body></html>

            """
    }

    private var about: String {
        HTML.element(
            "p",
            text: """
                Real peers and a real server in the laboratory’s emulated networks, one fresh laboratory for each dial; d = 25 ms one way between any two hosts; both \
                peers are registered beforehand (warm); kernel \(evidence.kernel). Every other dial of a pair goes the other way. The oracle is a pure function of \
                what the laboratory was told of both networks; it is not asked by the peers, who have to find out. A likely pair has \(PairEvidence.rounds) rounds. \
                Whether a rate is as it must be is decided by exact binomial tails which allow one false alarm in \
                \(Figures.whole(1 / PairEvidence.familyError)) runs of the whole matrix. Where a median is asked one laboratory has the machine to itself; the others \
                share it, and their times are upper bounds. Made by make matrix; \
                every dial with its seed is in matrix.json.
                """)
    }

    private var summary: String {
        let lines = evidence.summary.split(separator: "\n").map(String.init) + (evidence.pairs.map { [$0.summary] } ?? [])
        return HTML.element("ul", [:], lines.map { HTML.element("li", text: $0) }.joined())
    }

    private static let legend = HTML.element(
        "p", ["class": "legend"],
        "Direct dials of all dials, and p50 to the first byte by the direct path in ms: "
            + [
                ("all", "all direct"), ("most", "90 % or more"), ("some", "fewer"), ("circuit", "none, as the oracle has it"),
                ("bad", "none, unexpectedly"),
            ]
            .map { HTML.element("span", ["class": "key \($0)"], text: $1) }.joined(separator: " ") + " " + HTML.element("b", text: "!")
            + " not as it must be. Point at a cell for the oracle’s verdict and everything else; the lists below have the same.")

    private static let style = """

        body{font:13px/1.4 system-ui,sans-serif;margin:2em;color:#111;background:#fff;max-width:110em}
        h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}p,ul{max-width:80em}
        table{border-collapse:collapse}
        .map th{font-weight:normal;text-align:right;padding:0 .5em;white-space:nowrap}
        .map th.top{vertical-align:bottom;padding:.5em 0}.map th.top span{writing-mode:vertical-rl;transform:rotate(180deg)}
        .map td{border:1px solid #fff;text-align:center;padding:.15em .25em;min-width:3.2em;font-variant-numeric:tabular-nums}
        .map td small{display:block;color:#333}
        .map td.beyond{border:0}
        .map b,.legend b,.list .finding td:last-child{color:#900;font-weight:bold}
        .list{font-size:12px}.list th,.list td{border:1px solid #bbb;padding:.15em .4em;text-align:left;vertical-align:top}
        .list td:nth-child(n+3):nth-child(-n+10){text-align:right;white-space:nowrap}
        .list thead{display:table-header-group}.list tr{break-inside:avoid}
        .key{padding:.1em .5em}
        td.all,.key.all{background:#b9dfb4}td.most,.key.most{background:#dcefc8}td.some,.key.some{background:#fbe7a8}
        td.circuit,.key.circuit{background:#d5dbe6}td.bad,.key.bad{background:#f2b5a7}td.none{background:#f3f3f3}
        .map td.finding{outline:2px solid #900;outline-offset:-2px}
        @media print{body{margin:0;font-size:8px}.map td{min-width:0;padding:.1em;border-color:#999}.list{font-size:7px}
        *{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2{break-after:avoid}@page{size:A3 landscape;margin:10mm}}

        """
}
