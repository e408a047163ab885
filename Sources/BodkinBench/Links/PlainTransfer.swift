import BodkinCore
import BodkinNATLab

/// Plain TCP by socat over the way of a cell: what Bodkin is measured against. By circuit a socat on the server splices two connections.
struct PlainTransfer: Sendable {
    private static let port = 4436
    private static let awaitListener = "until ss -Hltn 'sport = :\(port)' | grep -q .; do sleep 0.01; done"

    /// The time from before the connection until the last byte has been read, in seconds.
    static func run(_ cell: LinkCell, byteCount: Int, in lab: Lab) async throws -> Double {
        let (near, far, server) = (try lab.host("a"), try lab.host("b"), try lab.host("server"))
        let source = "OPEN:/dev/zero,readbytes=\(byteCount)"
        // The one that is dialed listens, in either direction of the bytes.
        let listening =
            cell.direction == .dialer ? ["-u", "TCP-LISTEN:\(port),reuseaddr", "STDOUT"] : ["-u", source, "TCP-LISTEN:\(port),reuseaddr"]
        let listener = try far.start(["sh", "-c", "socat -b 65536 \(listening.joined(separator: " ")) | wc -c"])
        _ = try await far.run("sh", "-c", awaitListener)
        let relay =
            cell.route == .circuit
            ? try server.start(["socat", "-b", "65536", "TCP-LISTEN:\(port),reuseaddr", "TCP:\(far.address):\(port)"]) : nil
        if relay != nil { _ = try await server.run("sh", "-c", awaitListener) }
        let target = "TCP:\(relay == nil ? far.address : server.address):\(port)"
        let dialing = cell.direction == .dialer ? "\(source) \(target)" : "\(target) STDOUT"
        let start = ContinuousClock.now
        let dialer = try near.start(["sh", "-c", "socat -b 65536 -u \(dialing) | wc -c"])
        let results = (await dialer.wait(), await listener.wait())
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        relay?.kill()
        let output = cell.direction == .dialer ? results.1.output : results.0.output
        guard Int(output.split(whereSeparator: \.isWhitespace).first ?? "") == byteCount else {
            throw BenchmarkFailure("socat carried \(output) of \(byteCount) bytes: \(results.0.error.suffix(300)) \(results.1.error.suffix(300))")
        }
        return seconds
    }
}
