package import BodkinCore
package import BodkinPrediction
import BodkinProtocols
package import NIOCore

/// Asks several STUN endpoints from one local port (RFC 5780 section 4.3).
package enum STUNProbe {
    /// The time to wait for an answer over TCP or UDP. Two lost packets in a row still fit.
    static let timeout = TimeAmount.milliseconds(3500)
    /// The most endpoints that are asked: what the URL names, its alternate port, and the same at the server's second address.
    private static let limit = 4

    /// Over TCP, one connection after another, all from one port.
    package static func tcp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        var answers: [BindingResponse] = []
        var servers = servers
        var index = 0
        while index < min(servers.count, limit), !Task.isCancelled {
            let server = servers[index]
            index += 1
            let question = BindingRequest(to: server, from: profile.local?.port ?? 0)
            let answer = try? await eventLoop.flatSubmit { question.ask(within: STUNProbe.timeout, on: eventLoop) }.get()
            profile.local = profile.local ?? answer?.local
            profile.samples.append(MappingProfile.Sample(server: server, mapped: answer?.mapped))
            extend(&servers, by: answer?.other, family)
            if let answer { answers.append(answer) }
        }
        // Not before: a mapping may go with its last session.
        try? await eventLoop.submit { [answers] in for answer in answers { answer.close() } }.get()
        return profile
    }

    /// Over UDP, from one socket, whose first datagrams go out at once.
    package static func udp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        guard let first = servers.first, let socket = try? await STUNSocket.open(towards: first, on: eventLoop) else {
            profile.samples = servers.map { MappingProfile.Sample(server: $0, mapped: nil) }
            return profile
        }
        profile.local = socket.local
        var servers = servers
        while profile.samples.count < min(servers.count, limit) {
            // All that are known at once: each that is silent takes seconds.
            let asked = Array(servers[profile.samples.count..<min(servers.count, limit)])
            let answers = await ask(asked, by: socket)
            profile.samples += asked.map { MappingProfile.Sample(server: $0, mapped: answers[$0]?.mapped) }
            for server in asked { extend(&servers, by: answers[server]?.other, family) }
        }
        socket.close()
        return profile
    }

    private static func ask(_ servers: [Endpoint], by socket: STUNSocket) async -> [Endpoint: BindingResponse] {
        await withTaskGroup(of: (Endpoint, BindingResponse?).self) { group in
            for server in servers { group.addTask { (server, try? await socket.ask(server)) } }
            return await group.reduce(into: [:]) { answers, answer in answers[answer.0] = answer.1 }
        }
    }

    /// The server's second address, where it names one.
    private static func extend(_ servers: inout [Endpoint], by other: Endpoint?, _ family: IPAddress.Family) {
        guard let other, other.address.family == family, !servers.contains(where: { $0.address == other.address }) else { return }
        servers += servers.map { Endpoint(other.address, $0.port) }
    }
}
