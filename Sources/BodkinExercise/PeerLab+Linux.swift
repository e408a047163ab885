#if os(Linux)
public import Bodkin
public import BodkinCore
import BodkinIdentity
public import BodkinNATLab
public import BodkinProtocols
import BodkinServer
import Logging
import NIOCore
public import NIOPosix

/// Real peers and a real server in the hosts of a laboratory: each on threads of its own host.
public struct PeerLab: Sendable {
    /// The laboratory.
    public let lab: Lab
    /// The server's URL, which holds its token.
    public let url: RendezvousURL

    /// A laboratory with a server of one's own in it.
    public init(lab: Lab, url: RendezvousURL) {
        self.lab = lab
        self.url = url
    }

    /// A peer's configuration in one of the lab's hosts.
    public func configuration(in host: String, identity: Identity? = nil) async throws -> Peer.Configuration {
        var configuration = Peer.Configuration(identity: try identity ?? .create(), rendezvous: url)
        configuration.eventLoopGroup = try await Self.group(in: host, of: lab)
        return configuration
    }

    /// Threads that live in a host's network.
    public static func group(in host: String, of lab: Lab) async throws -> MultiThreadedEventLoopGroup {
        try await lab.host(host).run { MultiThreadedEventLoopGroup(numberOfThreads: 1) }
    }
}

/// Builds a lab with a rendezvous server on its public host, and runs `body` in it.
public func withPeerLab<Result: Sendable>(
    _ topology: Topology, families: [IPAddress.Family] = [.v4], options: Lab.Options = Lab.Options(),
    _ body: @Sendable @escaping (PeerLab) async throws -> Result
) async throws -> Result {
    try await withLab(topology, options: options) { lab in
        let host = try lab.host("server")
        let addresses = families.map { $0 == .v4 ? host.address : host.specification.addresses6[0] }
        var configuration = RendezvousServer.Configuration(
            hosts: addresses.map { "\($0)" }, credentials: .identity(try .create()), admission: .tokens(.random()))
        configuration.port = 4433
        let group = try await PeerLab.group(in: "server", of: lab)
        let result = try await withRendezvousServer(
            configuration, group: group, logger: Logger(label: "server", factory: { _ in SwiftLogNoOpLogHandler() })
        ) {
            listening in try await body(PeerLab(lab: lab, url: listening.url))
        }
        try? await group.shutdownGracefully()
        return result
    }
}
#endif
