import BodkinNATLab
import FoundationEssentials

/// iperf3, plain TCP. It cannot echo: both directions run at once, each on a connection of its own, and the slower one counts.
struct IperfRun {
    private static let port = "4435"

    /// Bytes of the slower direction.
    let byteCount: Int
    let seconds: Double

    /// Sends for so long in both directions.
    init(in host: LabHost, seconds: Int) async throws {
        let server = try host.start(["iperf3", "-s", "-1", "-p", Self.port])
        _ = try await host.run("sh", "-c", "until ss -Hltn 'sport = :\(Self.port)' | grep -q .; do sleep 0.01; done")
        let client = try await host.run("iperf3", "-J", "--bidir", "-t", "\(seconds)", "-c", "\(host.address)", "-p", Self.port)
        _ = await server.wait()
        guard let report = try? JSONDecoder().decode(Report.self, from: Data(client.output.utf8)) else {
            throw LabError(.system, "iperf3 failed: \(client.output.prefix(300)) \(client.error.prefix(300))")
        }
        let slower = min(report.end.sum_received.bits_per_second, report.end.sum_received_bidir_reverse.bits_per_second)
        self.seconds = report.end.sum_received.seconds
        byteCount = Int(slower / 8 * self.seconds)
    }

    private struct Report: Decodable {
        struct Sum: Decodable {
            var bits_per_second: Double
            var seconds: Double
        }
        struct End: Decodable {
            var sum_received: Sum
            var sum_received_bidir_reverse: Sum
        }
        var end: End
    }
}
