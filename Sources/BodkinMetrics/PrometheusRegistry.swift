package import CoreMetrics
import Synchronization

/// Keeps what a program counts by swift-metrics, and tells it in Prometheus' text format.
///
/// ```swift
/// let registry = PrometheusRegistry(help: ["bodkin_dials_total": "Dials by the route that they led to."])
/// MetricsSystem.bootstrap(registry)
/// print(registry.text)
/// ```
package final class PrometheusRegistry: MetricsFactory {
    /// The most series: more are counted nowhere.
    package static let seriesLimit = 4_096

    private struct Name: Hashable {
        let metric: String
        let labels: [String]
    }

    private let help: [String: String]
    private let series = Mutex<[Name: PrometheusSeries]>([:])

    /// A registry.
    /// - Parameter help: what each metric means, by its name.
    package init(help: [String: String]) { self.help = help }

    // MARK: MetricsFactory

    /// A counter, from 0.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { make(.counter, label, dimensions) }
    /// A counter, from 0.
    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        make(.counter, label, dimensions)
    }
    /// A gauge.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { make(.gauge, label, dimensions) }
    /// A histogram, or a gauge where nothing is to be aggregated.
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        make(aggregate ? .histogram : .gauge, label, dimensions)
    }
    /// A histogram of seconds.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { make(.histogram, label, dimensions) }
    /// What was counted stays.
    package func destroyCounter(_ handler: any CounterHandler) {}
    /// What was counted stays.
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    /// What was set stays.
    package func destroyMeter(_ handler: any MeterHandler) {}
    /// What was recorded stays.
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    /// What was recorded stays.
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func make(_ kind: PrometheusSeries.Kind, _ label: String, _ dimensions: [(String, String)]) -> PrometheusSeries {
        let labels = dimensions.map { "\(Self.sanitised($0.0))=\"\(Self.escaped($0.1))\"" }.sorted()
        let name = Name(metric: Self.sanitised(label), labels: labels)
        return series.withLock { table in
            if let known = table[name], known.kind == kind { return known }
            let fresh = PrometheusSeries(kind)
            if table[name] == nil, table.count < Self.seriesLimit { table[name] = fresh }
            return fresh
        }
    }

    // MARK: Text

    /// Everything, as text/plain; version=0.0.4.
    package var text: String {
        let table = series.withLock { $0 }
        var lines: [String] = []
        for (metric, members) in Dictionary(grouping: table, by: \.key.metric).sorted(by: { $0.key < $1.key }) {
            if let help = help[metric] { lines.append("# HELP \(metric) \(help)") }
            lines.append("# TYPE \(metric) \(members[0].value.kind.rawValue)")
            for (name, series) in members.sorted(by: { $0.key.labels.lexicographicallyPrecedes($1.key.labels) }) {
                lines += Self.lines(metric, name.labels, series)
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func lines(_ metric: String, _ labels: [String], _ series: PrometheusSeries) -> [String] {
        let figures = series.figures
        func line(_ suffix: String, _ value: String, _ more: [String] = []) -> String {
            let all = labels + more
            return "\(metric)\(suffix)\(all.isEmpty ? "" : "{\(all.joined(separator: ","))}") \(value)"
        }
        guard series.kind == .histogram else { return [line("", number(figures.sum))] }
        var total: UInt64 = 0
        var lines = zip(PrometheusSeries.bounds, figures.buckets).map { bound, count in
            total += count
            return line("_bucket", "\(total)", ["le=\"\(number(bound))\""])
        }
        lines.append(line("_bucket", "\(figures.count)", ["le=\"+Inf\""]))
        return lines + [line("_sum", number(figures.sum)), line("_count", "\(figures.count)")]
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// What the text format allows in a name; other characters become underscores.
    private static func sanitised(_ name: String) -> String {
        let text = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" }
        return text.first.map { $0.isNumber } ?? true ? "_" + String(text) : String(text)
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
