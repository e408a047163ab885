import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import BodkinPrediction

/// One connection between two hosts of a fresh lab.
struct RivalDial: Sendable {
    /// How the two are connected in the end.
    enum Outcome: Sendable, Hashable {
        case direct, relayed
        /// Not at all, and why.
        case none(String)
    }

    let outcome: Outcome
    /// From the dial to the first byte at the far application; nil where there was none.
    var firstByte: Duration?
    /// From the dial to the first byte there that came by the direct path.
    var directByte: Duration?

    /// Dials from the host behind the pair's first NAT.
    /// - Throws: what means that nothing was measured.
    static func run(_ contender: Contender, _ pair: NATPair, seed: UInt64, packages: RivalPackages) async throws -> RivalDial {
        if contender != .bodkin { return try await drive(contender, pair, seed, packages) }
        let result = try await PeerExercise.run(pair.cell, seed: seed)
        let outcome: Outcome =
            switch (result.failure, result.route) {
            case (let failure?, _): .none(failure)
            case (nil, .direct): .direct
            case (nil, _): .relayed
            }
        return RivalDial(outcome: outcome, firstByte: result.farByte, directByte: result.directByte)
    }

    /// The two drivers, and the relay for their messages on the lab's server, which answers STUN.
    private static func drive(_ contender: Contender, _ pair: NATPair, _ seed: UInt64, _ packages: RivalPackages) async throws -> RivalDial {
        let link = PeerExercise.Settings().link
        return try await withPeerLab(pair.cell.topology(link, seed)) { place in
            func start(_ host: String, behind network: AccessNetwork) throws -> LabProcess {
                var environment = packages.environment
                environment["RIVAL_NAT_TYPE"] = "\(NATProfile(told: network.layers, address: .unspecified(.v4)).typeForRivals)"
                environment["RIVAL_PATIENCE"] = "\(contender.patience)"
                return try place.lab.host(host).start(packages.command(contender.driver), environment: environment)
            }
            let relay = try place.lab.host("server").start(packages.command("relay.py"), environment: packages.environment)
            let (far, near) = (try start("b", behind: pair.b), try start("a", behind: pair.a))
            let ended = await near.wait()
            far.kill()
            relay.kill()
            return try RivalDial(near: ended, far: await far.wait(), relay: await relay.wait())
        }
    }

    /// Of what the two drivers have reported.
    init(near: ProcessResult, far: ProcessResult, relay: ProcessResult) throws {
        let (near, far) = (RivalReport(near), RivalReport(far))
        guard let start = near.start else {
            throw BenchmarkFailure("a rival's driver did not begin: \(near.error.suffix(600)) \(far.error.suffix(600)) \(relay.error.suffix(300))")
        }
        if let byte = far.byte, near.echo != nil {
            outcome = .direct
            firstByte = .seconds(byte - start)
            directByte = firstByte
        } else {
            // The one that has an error to tell knows more than the one that has waited in vain.
            let reasons = [near.failure, far.failure].compactMap { $0 }
            outcome = .none(
                reasons.first { !$0.hasPrefix("no connection") } ?? reasons.first ?? "a driver ended without a word: \(near.error.suffix(300))")
        }
    }

    private init(outcome: Outcome, firstByte: Duration?, directByte: Duration?) {
        (self.outcome, self.firstByte, self.directByte) = (outcome, firstByte, directByte)
    }
}
