import BodkinCore
import BodkinPrediction
import BodkinProtocols
import NIOCore

extension Peer {
    /// The results of the server's dial-backs to the reserved port, one profile per family; empty if the server does not dial back.
    func dialBackResults() async -> [FilteringProfile] {
        let (engine, eventLoop) = (engine, eventLoop)
        return await FilteringProfile.dialBackResults { try await eventLoop.flatSubmit { engine.value.dialBack() }.get() }
    }
}

extension FilteringProfile {
    /// The profiles from an answer of the server; empty without an answer.
    static func dialBackResults(_ dialBack: @Sendable () async throws -> WireDialedBack?) async -> [FilteringProfile] {
        guard let answer = try? await dialBack() else { return [] }
        return [IPAddress.Family.v4, .v6].compactMap { family in
            let results = answer.results.filter { $0.target.endpoint()?.address.family == family }
            guard let same = results.first(where: { !$0.otherAddress }) else { return nil }
            return FilteringProfile(
                family: family, sameAddress: .init(same.outcome), otherAddress: results.first { $0.otherAddress }.map { .init($0.outcome) })
        }
    }
}

extension FilteringProfile.DialBackResult {
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
