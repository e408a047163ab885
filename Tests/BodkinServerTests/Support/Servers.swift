import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer

/// A server on loopback, on ports that the system chooses.
func withServer<Result: Sendable>(
    _ change: (inout RendezvousServer.Configuration) -> Void = { _ in }, _ body: (RendezvousServer.Listening) async throws -> Result
) async throws -> Result {
    var configuration = try RendezvousServer.Configuration(
        hosts: ["127.0.0.1"], credentials: .identity(.create()), admission: .tokens(.random()))
    configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
    configuration.port = 0
    configuration.stunPort = 0
    change(&configuration)
    return try await withRendezvousServer(configuration, body)
}
