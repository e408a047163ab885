#if os(Linux)
package import Bodkin
package import BodkinCore
import BodkinIdentity
package import BodkinNATLab
import BodkinProtocols
package import BodkinServer
import Logging
import NIOCore
package import NIOPosix

/// Real peers and a real server in the hosts of a lab: each on threads of its own host.
package struct PeerLab: Sendable {
    /// The lab.
    package let lab: Lab
    /// The server's URL, which holds its token.
    package let url: RendezvousURL
    /// The server, where it is one of ours.
    private let server: LabServer?

    /// A lab with a server of one's own in it.
    package init(lab: Lab, url: RendezvousURL) { self.init(lab: lab, url: url, server: nil) }

    init(lab: Lab, url: RendezvousURL, server: LabServer?) {
        self.lab = lab
        self.url = url
        self.server = server
    }

    /// Ends the server, and after `pause` begins it anew on the same port, with the same key and token.
    package func restartServer(after pause: Duration = .zero) async throws {
        try await server?.stop()
        try await Task.sleep(for: pause)
        _ = try await server?.start()
    }

    /// Tells peers that register from now on of these relays.
    package func update(_ relays: TURNRelays?) async { await server?.update(relays) }

    /// How many circuits the server relays.
    package var circuitCount: Int { get async { await server?.circuitCount ?? 0 } }

    /// A peer's configuration in one of the lab's hosts.
    package func configuration(in host: String, identity: Identity? = nil) async throws -> Peer.Configuration {
        var configuration = Peer.Configuration(identity: try identity ?? .create(), rendezvous: url)
        configuration.eventLoopGroup = try await Self.group(in: host, of: lab)
        return configuration
    }

    /// Threads that live in a host's network.
    package static func group(in host: String, of lab: Lab) async throws -> MultiThreadedEventLoopGroup {
        try await lab.host(host).run { MultiThreadedEventLoopGroup(numberOfThreads: 1) }
    }
}

/// Builds a lab with a rendezvous server on its public host, configured by `change`, and runs `body` in it.
package func withPeerLab<Result: Sendable>(
    _ topology: Topology, families: [IPAddress.Family] = [.v4], options: Lab.Options = Lab.Options(),
    server change: @Sendable @escaping (inout RendezvousServer.Configuration) -> Void = { _ in },
    _ body: @Sendable @escaping (PeerLab) async throws -> Result
) async throws -> Result {
    try await withLab(topology, options: options) { lab in
        let host = try lab.host("server")
        let addresses = families.map { $0 == .v4 ? host.address : host.specification.addresses6[0] }
        var configuration = RendezvousServer.Configuration(
            hosts: addresses.map { "\($0)" }, credentials: .identity(try .create()), admission: .tokens(.random()))
        configuration.port = 4433
        change(&configuration)
        let group = try await PeerLab.group(in: "server", of: lab)
        let server = LabServer(configuration, group)
        do {
            let url = try await server.start()
            let result = try await body(PeerLab(lab: lab, url: url, server: server))
            try await server.stop()
            try? await group.shutdownGracefully()
            return result
        } catch {
            try? await server.stop()
            try? await group.shutdownGracefully()
            throw error
        }
    }
}

/// A rendezvous server that can be ended and begun again.
actor LabServer {
    private var configuration: RendezvousServer.Configuration
    private let group: MultiThreadedEventLoopGroup
    private var running: (server: RendezvousServer, task: Task<Void, any Error>)?
    private static let portsTimeout = Duration.seconds(5)

    init(_ configuration: RendezvousServer.Configuration, _ group: MultiThreadedEventLoopGroup) {
        self.configuration = configuration
        self.group = group
    }

    /// Begins, as soon as the ports are free: a process that was forked just now holds the former server's sockets until it has closed them.
    func start() async throws -> RendezvousURL {
        let end = ContinuousClock.now + Self.portsTimeout
        while true {
            let server = RendezvousServer(configuration, group: group, logger: Logger(label: "server", factory: { _ in SwiftLogNoOpLogHandler() }))
            let run = Task { try await server.run() }
            do {
                let url = try await server.listening().url
                running = (server, run)
                return url
            } catch let error as ServerError where error.code == .bind && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    func stop() async throws {
        running?.task.cancel()
        try await running?.task.value
        running = nil
    }

    var circuitCount: Int { running?.server.statistics.circuits ?? 0 }

    func update(_ relays: TURNRelays?) {
        configuration.relays = relays
        running?.server.update(relays)
    }
}
#endif
