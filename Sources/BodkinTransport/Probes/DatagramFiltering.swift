import BodkinCore
import BodkinPrediction
import BodkinProtocols
import NIOCore

/// What a UDP port lets in that has sent to one endpoint of the server: the server is asked to answer from others (RFC 5780 section 4.4).
enum DatagramFiltering {
    /// How long an answer from elsewhere is waited for: the question is asked three times in it.
    private static let patience = TimeAmount.milliseconds(1200)

    /// Nil where nothing answers, or where the server answers from nowhere else: that takes a second address.
    static func run(_ mapping: MappingProfile, on eventLoop: any EventLoop) async -> FilteringProfile? {
        let servers = mapping.samples.filter { $0.mapped != nil }.map(\.server)
        // The others must be heard where they are asked themselves, or their silence says nothing.
        guard let server = servers.first, servers.contains(where: { $0.address == server.address && $0.port != server.port }),
            servers.contains(where: { $0.address != server.address && $0.port != server.port }),
            let socket = try? await STUNSocket.open(towards: server, on: eventLoop)
        else { return nil }
        defer { socket.close() }
        guard (try? await socket.ask(server)) != nil else { return nil }
        async let near = changedResponse(socket, server, .init(address: false, port: true)) { $0.address == server.address && $0.port != server.port }
        async let far = changedResponse(socket, server, .init(address: true, port: true)) { $0.address != server.address }
        guard let same = await near, let other = await far else { return nil }
        return FilteringProfile(family: mapping.family, sameAddress: same, otherAddress: other)
    }

    /// Nil from a server that does not know the wish: it says so, or answers from where it was asked.
    private static func changedResponse(
        _ socket: STUNSocket, _ server: Endpoint, _ wish: STUNMessage.ChangeRequest, isFromElsewhere: @Sendable (Endpoint) -> Bool
    ) async -> FilteringProfile.DialBackResult? {
        do {
            let answer = try await socket.ask(server, changing: wish, within: patience)
            return answer.source.map(isFromElsewhere) == true ? .connected : nil
        } catch ChannelError.connectTimeout {
            return .silence
        } catch {
            return nil
        }
    }
}
