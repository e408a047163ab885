package import BodkinCore
package import BodkinPrediction
import BodkinProtocols
package import NIOCore

/// A probe of the mapping behavior: requests from one local port to several STUN endpoints (RFC 5780 section 4.3).
package enum STUNProbe {
    /// The time to wait for an answer over TCP or UDP. Two lost packets in a row still fit.
    static let timeout = TimeAmount.milliseconds(3500)
    /// The limit of STUN endpoints: the port of the URL and the next one, at both addresses of the server.
    private static let limit = 4

    /// Measures the mapping over TCP, by one connection after another, all from one port.
    package static func tcp(_ family: IPAddress.Family, servers: [Endpoint], through gate: Gate, on eventLoop: any EventLoop) async -> MappingProfile
    {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        var responses: [BindingResponse] = []
        var servers = servers
        var index = 0
        while index < min(servers.count, limit), !Task.isCancelled {
            let server = servers[index]
            index += 1
            let request = BindingRequest(to: server, from: profile.local?.port ?? 0)
            let response = try? await eventLoop.flatSubmit { request.ask(within: STUNProbe.timeout, through: gate, on: eventLoop) }.get()
            profile.local = profile.local ?? response?.local
            profile.samples.append(MappingProfile.Sample(server: server, mapped: response?.mapped))
            extend(&servers, by: response?.other, family)
            if let response { responses.append(response) }
        }
        // The connections close together, because a NAT may delete a mapping with its last session.
        try? await eventLoop.submit { [responses] in for response in responses { response.close() } }.get()
        return profile
    }

    /// Measures the mapping over UDP, from one socket that sends its first datagrams at once.
    package static func udp(_ family: IPAddress.Family, servers: [Endpoint], through gate: Gate, on eventLoop: any EventLoop) async -> MappingProfile
    {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        guard let first = servers.first, let socket = try? await STUNSocket.open(towards: first, through: gate, on: eventLoop) else {
            profile.samples = servers.map { MappingProfile.Sample(server: $0, mapped: nil) }
            return profile
        }
        profile.local = socket.local
        var servers = servers
        while profile.samples.count < min(servers.count, limit) {
            // The requests go to all known endpoints at once, because each silent one takes seconds.
            let targets = Array(servers[profile.samples.count..<min(servers.count, limit)])
            let responses = await request(from: targets, by: socket)
            profile.samples += targets.map { MappingProfile.Sample(server: $0, mapped: responses[$0]?.mapped) }
            for server in targets { extend(&servers, by: responses[server]?.other, family) }
        }
        socket.close()
        return profile
    }

    private static func request(from servers: [Endpoint], by socket: STUNSocket) async -> [Endpoint: BindingResponse] {
        await withTaskGroup(of: (Endpoint, BindingResponse?).self) { group in
            for server in servers { group.addTask { (server, try? await socket.request(from: server)) } }
            return await group.reduce(into: [:]) { responses, response in responses[response.0] = response.1 }
        }
    }

    /// Adds the server's second address, if the server names one.
    private static func extend(_ servers: inout [Endpoint], by other: Endpoint?, _ family: IPAddress.Family) {
        guard let other, other.address.family == family, !servers.contains(where: { $0.address == other.address }) else { return }
        servers += servers.map { Endpoint(other.address, $0.port) }
    }
}
