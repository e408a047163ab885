import BodkinCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// coturn's server, as a STUN server alone, on two addresses and two ports of loopback.
struct Coturn {
    /// Whether there is one; `make test` installs it.
    static let isInstalled = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].contains { access("\($0)/turnserver", X_OK) == 0 }

    /// Below the ports that systems choose for connections, and for parallel tests by chance another one.
    private let port = UInt16.random(in: 10_000..<15_000) * 2
    private let addresses = [IPAddress(v4: 0x7F00_0001), IPAddress(v4: 0x7F00_0002)]

    /// Where it answers, over UDP and TCP alike.
    var endpoints: [Endpoint] { addresses.flatMap { [Endpoint($0, port), Endpoint($0, port + 1)] } }

    /// What its OTHER-ADDRESS says: the other port, always at the second address, even where that one was asked (coturn 4.6.1).
    func other(than endpoint: Endpoint) -> Endpoint { Endpoint(addresses[1], endpoint.port == port ? port + 1 : port) }

    /// Runs it while `body` runs.
    func run<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let options =
            "-n -L \(addresses[0]) -L \(addresses[1]) -p \(port) --stun-only --no-tls --no-dtls --no-cli"
            + " --log-file stdout --pidfile /dev/null --userdb /dev/null"
        // Whatever becomes of the tests, it ends; SIGTERM is passed on, and SIGKILL follows.
        let program = try Program("PATH=$PATH:/usr/sbin exec timeout -k 1 60 turnserver \(options) >/dev/null 2>&1")
        return try await program.run(while: body)
    }

    /// Waits until it listens everywhere.
    func listens() async throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        for endpoint in endpoints {
            while true {
                do {
                    let stream = try await TestStream(endpoint)
                    stream.close()
                    break
                } catch {
                    guard clock.now < end else { throw error }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }
}
