import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

extension AbuseTests {
    @Suite("Dials right after a connection")
    struct RedialTests {
        /// Who ends the connection before the next dial.
        enum Ending: CaseIterable, Sendable { case dialer, listener, abort }

        static let pairs: [(NATPreset, NATPreset)] = [(.portRestricted, .portRestricted), (.open, .open), (.masquerade, .rstKills)]

        @Test("five in a row from one reserved port to another are direct, whoever ends them", arguments: pairs, Ending.allCases)
        func redial(_ pair: (NATPreset, NATPreset), _ ending: Ending) async throws {
            let topology = Topology.pair(pair.0, pair.1, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
            try await withPeerLab(topology) { place in
                @Sendable func configure(_ configuration: inout Peer.Configuration) {
                    configuration.admission = .anyone
                    configuration.reservedPort = 4000
                }
                try await place.withPeer(in: "b", configure) { far in
                    try await place.withPeer(in: "a", configure) { near in
                        try await far.registered()
                        try await near.registered()
                        var incoming = far.incoming.makeAsyncIterator()
                        for round in 1...5 {
                            let connection = try await near.connect(to: far.id)
                            try await connection.write("hello".utf8)
                            let accepted = try #require(try await incoming.next())
                            #expect(try await accepted.read() == Array("hello".utf8))
                            let report = try await connection.settled()
                            #expect(report.route == .direct, "dial \(round): \(report)")
                            switch ending {
                            case .dialer: try await connection.close()
                            case .listener: try await accepted.close()
                            case .abort: connection.abort()
                            }
                            // The far end has heard of it: a dial before that would join what is about to end.
                            _ = try? await accepted.read()
                            _ = try? await connection.read()
                        }
                    }
                }
            }
        }
    }
}
