import BodkinMetrics
import CoreMetrics
import FoundationEssentials
import Testing

/// What Prometheus is told, by real commands and checked by its own promtool.
@Suite("Metrics", .serialized)
struct MetricsTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path()
    /// `free` finds a free port; `scrape PORT FILE` keeps a page's body.
    private static let helpers = """
        free() { while port=$((20000 + RANDOM % 10000)); (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done; echo $port; }
        scrape() { exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET /metrics HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n' >&3; sed '1,/^\\r$/d' <&3 >$2; exec 3>&-; }

        """

    @Test("server and listen tell what they count, and promtool finds nothing to say against it")
    func scrape() async throws {
        let output = try await Script.run(
            Self.helpers + """
                a=$(free); serve --metrics 127.0.0.1:$a; b=$(free); echo hello >input; listening --exec cat --metrics 127.0.0.1:$b
                for option in --relay-only --direct-only; do echo x | bodkin connect $id --state-dir dialer $option 2>/dev/null; done
                # The server hears a moment later that the last dialer has gone.
                for try in $(seq 200); do scrape $a server.txt; grep -q '^bodkin_server_registered_peers 1$' server.txt && break; sleep 0.05; done
                scrape $b listen.txt
                for file in server.txt listen.txt; do promtool check metrics <$file && echo "$file good"; done
                grep -E '^bodkin_server_(dials_total|registered_peers) ' server.txt
                grep -E '^bodkin_(dials_total|time_to_direct_seconds_count|relayed_dials_total)' listen.txt
                grep -c 'le="+Inf"' listen.txt; grep ^bodkin_relayed_bytes_total listen.txt | grep -vc ' 0$'
                """)
        #expect(
            output == """
                x
                x
                server.txt good
                listen.txt good
                bodkin_server_dials_total 2
                bodkin_server_registered_peers 1
                bodkin_dials_total{route="circuit"} 1
                bodkin_dials_total{route="direct"} 1
                bodkin_dials_total{route="none"} 0
                bodkin_dials_total{route="turn"} 0
                bodkin_relayed_dials_total{verdict="not-wanted"} 1
                bodkin_time_to_direct_seconds_count 1
                2
                1

                """, "\(output)")
    }

    @Test("a metrics endpoint that cannot be had is said at once, with the status for that")
    func refused() async throws {
        let output = try await Script.run(
            Self.helpers + """
                a=$(free); serve --metrics 127.0.0.1:$a
                bodkin listen --state-dir s --metrics 127.0.0.1:$a 2>&1 | grep -o 'cannot listen on .*. Choose another port' | sed 's/ (.*)//; s/:[0-9]*[.]/./'
                bodkin listen --state-dir s --metrics nowhere 2>/dev/null; echo $?
                """)
        #expect(output.hasSuffix("64\n") && output.contains("Choose another port"), "\(output)")
    }

    @Test("the alert rules and every expression of the dashboard are Prometheus', and speak of metrics that exist")
    func monitoring() async throws {
        let output = try await Script.run(
            """
            cd '\(Self.root)'; promtool check rules monitoring/alerts.yml | grep -c SUCCESS
            { echo 'groups: [{name: x, rules: ['; grep -o '"expr": ".*"' monitoring/dashboard.json | sed 's/^"expr": \\(.*\\)$/{record: "a:b", expr: \\1},/'; echo ']}]'; } >"$work/d.yml"
            grep -c record "$work/d.yml"; promtool check rules --lint=none "$work/d.yml" | grep -c SUCCESS
            for name in $(grep -oh 'bodkin_[a-z_]*' monitoring/* | sed 's/_bucket$//' | sort -u); do grep -q "\\b$name\\b" docs/metrics.md || echo "no $name"; done
            """)
        #expect(output == "1\n14\n1\n", "\(output)")
        struct Dashboard: Decodable {
            struct Panel: Decodable {
                struct Target: Decodable { var expr: String }
                var targets: [Target]
            }
            var panels: [Panel]
        }
        let file = try Data(contentsOf: URL(filePath: Self.root + "monitoring/dashboard.json"))
        #expect(try JSONDecoder().decode(Dashboard.self, from: file).panels.flatMap(\.targets).count == 14)
    }

    @Test("the text format's names, labels and numbers are escaped, and there is an end to the number of series")
    func text() {
        let registry = PrometheusRegistry(help: ["x_total": "Some."])
        let counter = Counter(label: "x total", dimensions: [("a-b", "say \"\\\n")], factory: registry)
        counter.increment(by: 3)
        let timer = Timer(label: "t_seconds", factory: registry)
        timer.recordNanoseconds(120_000_000)
        timer.recordNanoseconds(90_000_000_000)
        let text = registry.text
        #expect(text.contains("# HELP x_total Some.\n# TYPE x_total counter\nx_total{a_b=\"say \\\"\\\\\\n\"} 3\n"), "\(text)")
        #expect(text.contains("t_seconds_bucket{le=\"0.1\"} 0\nt_seconds_bucket{le=\"0.15\"} 1\n"), "\(text)")
        #expect(text.contains("t_seconds_bucket{le=\"30\"} 1\nt_seconds_bucket{le=\"+Inf\"} 2\nt_seconds_sum 90.12\nt_seconds_count 2\n"), "\(text)")
        for number in 0..<5_000 { Counter(label: "many_total", dimensions: [("n", "\(number)")], factory: registry).increment() }
        #expect(registry.text.split(separator: "\n").count { $0.hasPrefix("many_total") } == PrometheusRegistry.seriesLimit - 2)
    }
}
