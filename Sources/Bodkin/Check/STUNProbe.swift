import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Asks several STUN endpoints from one local port (RFC 5780 section 4.3).
enum STUNProbe {
    /// The most endpoints that are asked: what the URL names, its alternate port, and the same at the server's second address.
    private static let limit = 4

    /// Over TCP, one connection after another, all from one port.
    static func tcp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        var answers: [STUNAnswer] = []
        var servers = servers
        var index = 0
        while index < min(servers.count, limit) {
            let server = servers[index]
            index += 1
            let question = STUNQuestion(to: server, from: profile.local?.port ?? 0)
            let answer = try? await eventLoop.flatSubmit { question.ask(within: NetworkCheck.patience, on: eventLoop) }.get()
            profile.local = profile.local ?? answer?.local
            profile.samples.append(MappingProfile.Sample(server: server, mapped: answer?.mapped))
            extend(&servers, by: answer?.other, family)
            if let answer { answers.append(answer) }
        }
        // Not before: a mapping may go with its last session.
        try? await eventLoop.submit { [answers] in for answer in answers { answer.close() } }.get()
        return profile
    }

    /// Over UDP, from one socket.
    static func udp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        guard let first = servers.first, let socket = try? await STUNSocket.open(towards: first, on: eventLoop) else {
            profile.samples = servers.map { MappingProfile.Sample(server: $0, mapped: nil) }
            return profile
        }
        profile.local = socket.local
        var servers = servers
        var index = 0
        while index < min(servers.count, limit) {
            let server = servers[index]
            index += 1
            let answer = try? await socket.ask(server)
            profile.samples.append(MappingProfile.Sample(server: server, mapped: answer?.mapped))
            extend(&servers, by: answer?.other, family)
        }
        socket.close()
        return profile
    }

    /// The server's second address, where it names one.
    private static func extend(_ servers: inout [Endpoint], by other: Endpoint?, _ family: IPAddress.Family) {
        guard let other, other.address.family == family, !servers.contains(where: { $0.address == other.address }) else { return }
        servers += servers.map { Endpoint(other.address, $0.port) }
    }
}
