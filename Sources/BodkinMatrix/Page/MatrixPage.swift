/// The whole matrix as one page that needs nothing else: no script, no font, no network.
struct MatrixPage: Sendable {
    var evidence: Evidence

    var html: String {
        let maps = HeatMap.all(evidence)
        let findings = (evidence.pairs ?? PairEvidence()).findings
        var parts = [
            HTML.element("h1", text: "Connections between NATs, pair by pair"), about, summary,
            HTML.element("h2", text: "Unexpected results"),
            findings.isEmpty
                ? HTML.element("p", text: "None.")
                : HTML.element("ul", [:], findings.map { HTML.element("li", text: $0.line) }.joined(separator: "\n")),
        ]
        for map in maps { parts += [HTML.element("h2", ["id": map.anchor], text: map.title), Self.legend, Self.wide(map.table)] }
        for map in maps { parts += [HTML.element("h2", ["id": map.anchor + "-list"], text: "\(map.title), pair by pair"), Self.wide(map.list)] }
        return """
            <!DOCTYPE html>
            <html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/><title>Bodkin: connections between NATs</title>
            <meta name="viewport" content="width=device-width,initial-scale=1"/><style>\(Self.style)</style></head><body>
            \(parts.joined(separator: "\n"))
            </body></html>

            """
    }

    private var about: String {
        HTML.element(
            "p",
            text: """
                In each cell real peers and a real server dialed in the lab, with a fresh lab for each dial. A packet takes 25 ms one way between \
                any two hosts. Both peers are registered before the dial; kernel \(evidence.kernel). The two peers of a pair dial in turn. The estimate is a pure \
                function of both networks, and the peers do not know it. A likely pair has \(PairEvidence.rounds) rounds. A rate is unexpected if an exact \
                binomial test rejects it, with one false alarm in \(Figures.whole(1 / PairEvidence.familyError)) runs of the whole matrix. If the median is \
                checked, one lab has the machine to itself. Other labs share the machine, so their times are upper bounds. The command \
                make matrix writes this page, and matrix.json has every dial with its seed.
                """)
    }

    private var summary: String {
        let lines = evidence.summary.split(separator: "\n").map(String.init) + (evidence.pairs.map { [$0.summary] } ?? [])
        return HTML.element("ul", [:], lines.map { HTML.element("li", text: $0) }.joined())
    }

    private static let legend = HTML.element(
        "p", ["class": "legend"],
        "A cell has the direct dials of all dials, and the median time to the first byte over the direct path in ms: "
            + [
                ("all", "all direct"), ("most", "90 % or more"), ("some", "fewer"), ("circuit", "none, as estimated"),
                ("bad", "none, unexpectedly"),
            ]
            .map { HTML.element("span", ["class": "key \($0)"], text: $1) }.joined(separator: " ") + " " + HTML.element("b", text: "!")
            + " unexpected. Point at a cell for its estimate and figures; the lists below have the same.")

    /// A table that scrolls by itself where it is wider than the page.
    private static func wide(_ table: String) -> String { HTML.element("div", ["class": "wide", "tabindex": "0"], table) }

    /// Colours by the reader's scheme; wide tables scroll by themselves, with the names of the rows in view.
    private static let style = """

        :root{color-scheme:light dark;--text:#111;--page:#fff;--faint:#444;--line:#bbb;--alarm:#900;
        --all:#b9dfb4;--most:#dcefc8;--some:#fbe7a8;--circuit:#d5dbe6;--bad:#f2b5a7;--none:#f0f0f0}
        @media screen and (prefers-color-scheme:dark){:root{--text:#e8e8e8;--page:#16181c;--faint:#c3c8d0;--line:#4a4f57;--alarm:#ff9c8f;
        --all:#1d5a2b;--most:#45602b;--some:#6d5813;--circuit:#343d4d;--bad:#7d3024;--none:#262a30}}
        body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:110rem;color:var(--text);background:var(--page)}
        h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}p,ul{max-width:80em}ul{padding-left:1.4em}
        .wide{overflow-x:auto}
        table{border-collapse:collapse;font-size:13px}
        .map th{font-weight:normal;text-align:right;padding:0 .5em;white-space:nowrap}
        .map th[scope=row]{position:sticky;left:0;background:var(--page)}
        .map th.top{vertical-align:bottom;text-align:center;padding:.5em 0}.map th.top span{writing-mode:vertical-rl;transform:rotate(180deg)}
        .map td{border:1px solid var(--page);text-align:center;padding:.15em .25em;min-width:3.2em;font-variant-numeric:tabular-nums}
        .map td small{display:block;color:var(--faint)}
        .map td.beyond{border:0;min-width:0}
        .map b,.legend b,.list .finding td:last-child{color:var(--alarm);font-weight:bold}
        .list{font-size:12px}.list th,.list td{border:1px solid var(--line);padding:.15em .4em;text-align:left;vertical-align:top}
        .list td:first-child{white-space:nowrap}.list td:nth-child(2){min-width:14em}
        .list td:nth-child(n+3):nth-child(-n+10){text-align:right;white-space:nowrap}
        .list thead{display:table-header-group}.list tr{break-inside:avoid}
        .key{display:inline-block;padding:.1em .5em;margin:.1em 0}
        td.all,.key.all{background:var(--all)}td.most,.key.most{background:var(--most)}td.some,.key.some{background:var(--some)}
        td.circuit,.key.circuit{background:var(--circuit)}td.bad,.key.bad{background:var(--bad)}td.none{background:var(--none)}
        .map td.finding{outline:2px solid var(--alarm);outline-offset:-2px}
        @media print{body{margin:0;padding:0;max-width:none}.wide{overflow:visible}.map{font-size:8px}.map td{min-width:0;padding:.1em;border-color:#999}
        .map th[scope=row]{position:static}.list{font-size:7px}
        *{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2{break-after:avoid}@page{size:A3 landscape;margin:10mm}}

        """
}
