import BodkinCore
import BodkinNATLab
import FoundationEssentials

/// What needs a running lab: goodput, precision of the delay, and the time to build and remove a lab.
enum LabBenchmark {
    static func run() async throws {
        try await goodput()
        try await roundTrips()
        try await upAndDown()
    }

    /// iperf3 from a host behind one NAT to a host behind another, no delay.
    private static func goodput() async throws {
        print("\niperf3 goodput host to host through two emulated NATs, no delay, Mbit/s (target 800)")
        var figures: [Double] = []
        for seed in 1...5 {
            let topology = Topology.pair(.portRestricted, .fullCone, seed: UInt64(seed))
            figures.append(
                try await withLab(topology) { lab in
                    let mapped = try await mapping(of: 5201, of: "b", in: lab)
                    let server = try lab.host("b").start(["iperf3", "-s", "-1", "-p", "5201"])
                    _ = try await lab.host("b").run("sh", "-c", "until ss -Hltn 'sport = :5201' | grep -q .; do sleep 0.01; done")
                    let client = try await lab.host("a").run("iperf3", "-J", "-t", "4", "-O", "1", "-c", "\(mapped.outside.address)", "-p", "5201")
                    server.kill()
                    withExtendedLifetime(mapped.kept) {}
                    guard let report = try? JSONDecoder().decode(IperfReport.self, from: Data(client.output.utf8)) else {
                        throw LabError(.system, "iperf3 failed: \(client.output.prefix(300)) \(client.error.prefix(300))")
                    }
                    return report.end.sum_received.bits_per_second / 1e6
                })
        }
        print("  " + summary(figures.sorted(), "Mbit/s"))
    }

    private struct IperfReport: Decodable {
        struct End: Decodable {
            struct Sum: Decodable { var bits_per_second: Double }
            var sum_received: Sum
        }
        var end: End
    }

    /// Makes the NAT of a host map a port, by a connection to the server that stays open.
    private static func mapping(of port: UInt16, of name: String, in lab: Lab) async throws -> (outside: Endpoint, kept: [TCPSocket]) {
        let server = try lab.host("server")
        let listener = try await server.run { try TCPSocket.listening(on: 443) }
        let target = Endpoint(server.address, 443)
        let client = try await lab.host(name).run { try TCPSocket.connecting(from: port, to: target) }
        guard let (peer, remote) = try await server.run({ listener.accept(.seconds(5)) }) else {
            throw LabError(.system, "the server was not reached")
        }
        return (remote, [listener, client, peer])
    }

    /// Round trips of ping where 50 ms are set.
    private static func roundTrips() async throws {
        print("\nping where a round trip of 50 ms is set, 400 pings, ms (target: p99 within 1 ms)")
        let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 1)
        let ping = try await withLab(topology) { lab in
            try await lab.host("a").run("ping", "-c", "400", "-i", "0.02", "\(try lab.host("server").address)")
        }
        let times = ping.output.split(separator: "\n").compactMap { line in
            line.split(separator: "time=").last.flatMap { $0 == line[...] ? nil : Double($0.split(separator: " ")[0]) }
        }
        print("  " + summary(times.sorted(), "ms"))
    }

    /// A lab of two NATed hosts and a server, from nothing to nothing.
    private static func upAndDown() async throws {
        print("\na lab of two NATed hosts and a server, 30 times, ms (target: up in 300, down in 200)")
        var up: [Double] = []
        var down: [Double] = []
        for seed in 1...30 {
            let start = Lab.now
            let ended = try await withLab(.pair(.portRestricted, .portRestricted, seed: UInt64(seed))) { lab in
                up.append(Lab.now.since(start).milliseconds)
                let sleeping = try lab.host("a").start(["sleep", "60"])
                let now = Lab.now
                withExtendedLifetime(sleeping) {}
                return now
            }
            down.append(Lab.now.since(ended).milliseconds)
        }
        print("  up:   " + summary(up.sorted(), "ms"))
        print("  down: " + summary(down.sorted(), "ms"))
    }

    private static func summary(_ sorted: [Double], _ unit: String) -> String {
        guard let first = sorted.first, let last = sorted.last else { return "nothing was measured" }
        let median = sorted[sorted.count / 2]
        let p99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        let figures = [("median", median), ("least", first), ("p99", p99), ("most", last)]
        return figures.map { "\($0.0) \(Timeline.fixed($0.1))" }.joined(separator: ", ") + " \(unit) (\(sorted.count) samples)"
    }
}
