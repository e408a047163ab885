import BodkinCore
import BodkinPrediction
import BodkinProtocols
import NIOCore

/// A probe of the filtering of UDP. It sends to one endpoint of the server, and requests answers from others (RFC 5780 section 4.4).
enum DatagramFiltering {
    /// The time to wait for an answer from another endpoint. The probe sends three requests in it.
    private static let timeout = TimeAmount.milliseconds(1200)

    /// Measures the filtering.
    /// - Returns: nil if no server answers, or if the server has no second address to answer from.
    static func run(_ mapping: MappingProfile, through gate: Gate, on eventLoop: any EventLoop) async -> FilteringProfile? {
        let servers = mapping.samples.filter { $0.mapped != nil }.map(\.server)
        // The other endpoints must answer direct requests, or their silence shows nothing.
        guard let server = servers.first, servers.contains(where: { $0.address == server.address && $0.port != server.port }),
            servers.contains(where: { $0.address != server.address && $0.port != server.port }),
            let socket = try? await STUNSocket.open(towards: server, through: gate, on: eventLoop)
        else { return nil }
        defer { socket.close() }
        guard (try? await socket.request(from: server)) != nil else { return nil }
        async let sameAddress = changedResponse(socket, server, .init(address: false, port: true)) {
            $0.address == server.address && $0.port != server.port
        }
        async let otherAddress = changedResponse(socket, server, .init(address: true, port: true)) { $0.address != server.address }
        guard let same = await sameAddress, let other = await otherAddress else { return nil }
        return FilteringProfile(family: mapping.family, sameAddress: same, otherAddress: other)
    }

    /// Returns nil for a server that does not support CHANGE-REQUEST: it refuses, or answers from the requested endpoint.
    private static func changedResponse(
        _ socket: STUNSocket, _ server: Endpoint, _ change: STUNMessage.ChangeRequest, isFromElsewhere: @Sendable (Endpoint) -> Bool
    ) async -> FilteringProfile.DialBackResult? {
        do {
            let response = try await socket.request(from: server, changing: change, within: timeout)
            return response.source.map(isFromElsewhere) == true ? .connected : nil
        } catch ChannelError.connectTimeout {
            return .silence
        } catch {
            return nil
        }
    }
}
