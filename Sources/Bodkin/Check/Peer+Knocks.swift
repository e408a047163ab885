import BodkinCore
import BodkinProtocols
import NIOCore

extension Peer {
    /// What the server meets that connects to the reserved port, for each family; nothing where it does not, or where there is no reserved port.
    func knocks() async -> [FilteringProfile] {
        let (engine, eventLoop) = (engine, eventLoop)
        return await FilteringProfile.knocks { try await eventLoop.flatSubmit { engine.value.dialBack() }.get() }
    }
}

extension FilteringProfile {
    /// What the server has met at the reserved port; nothing where it does not say.
    static func knocks(_ dialBack: @Sendable () async throws -> WireDialedBack?) async -> [FilteringProfile] {
        guard let answer = try? await dialBack() else { return [] }
        return [IPAddress.Family.v4, .v6].compactMap { family in
            let results = answer.results.filter { $0.target.endpoint()?.address.family == family }
            guard let same = results.first(where: { !$0.otherAddress }) else { return nil }
            return FilteringProfile(
                family: family, sameAddress: .init(same.outcome), otherAddress: results.first { $0.otherAddress }.map { .init($0.outcome) })
        }
    }
}

extension FilteringProfile.Knock {
    init(_ outcome: WireDialedBack.Outcome) {
        self =
            switch outcome {
            case .connected: .connected
            case .refused: .refused
            case .unreachable: .unreachable
            case .silent: .silence
            case .unknown, .UNRECOGNIZED: .unknown
            }
    }
}
