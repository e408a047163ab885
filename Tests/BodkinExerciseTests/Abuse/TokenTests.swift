import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import FoundationEssentials
import Testing

extension AbuseTests {
    @Suite("Without the join token")
    struct TokenTests {
        /// No token, a wrong one, and the right one cut off.
        static let changes: [@Sendable ([UInt8]?) -> [UInt8]?] = [{ _ in nil }, { $0?.map { $0 ^ 1 } }, { $0?.dropLast() }]

        /// A lab with a peer in `b` that anyone may dial, and the server's URL with another token.
        private static func run(
            _ change: @Sendable @escaping ([UInt8]?) -> [UInt8]?, _ body: @Sendable @escaping (PeerLab, PeerID) async throws -> Void
        ) async throws {
            var options = Lab.Options()
            options.isTracing = true
            try await withPeerLab(Topology.pair(.portRestricted, .portRestricted, seed: 1), options: options) { place in
                let log = EventLog()
                try await place.withPeer(in: "b", log: log, { $0.admission = .anyone }) { far in
                    try await far.registered()
                    var url = place.url
                    url.token = change(url.token)
                    let before = log.all.count
                    // What b sent on its own account is on its way now; afterwards a packet would be an answer to something.
                    try await eventually("a quiet b") {
                        try await Task.sleep(for: .milliseconds(30))
                        return try await place.lab.packets(from: "b").isEmpty
                    }
                    try await body(PeerLab(lab: place.lab, url: url), far.id)
                    #expect(try await place.lab.packets(from: "b").isEmpty, "b has been told something")
                    #expect(log.all.count == before)
                }
            }
        }

        @Test("a peer is told what to do, and whom it dials hears nothing", arguments: changes.indices)
        func refused(_ index: Int) async throws {
            try await Self.run(Self.changes[index]) { place, far in
                try await place.withPeer(in: "a") { near in
                    let error = await #expect(throws: PeerError.self) { _ = try await near.connect(to: far) }
                    #expect(error?.code == .refused)
                    #expect(error?.message == "The join token is missing or wrong. Copy the whole URL that the server printed.")
                    // Later callers hear the same.
                    let again = await #expect(throws: PeerError.self) { try await near.registered() }
                    #expect(again?.message == error?.message)
                }
            }
        }

        @Test("whoever talks on regardless is neither registered, nor met, nor relayed", arguments: changes.indices)
        func regardless(_ index: Int) async throws {
            try await Self.run(Self.changes[index]) { place, far in
                try await place.withLoop(in: "a") { loop in
                    let liar = try await LyingPeer(place.url, on: loop)
                    let attempt = AttemptID.random()
                    var data = WireCircuitData()
                    data.attempt = Data(attempt.bytes)
                    data.data = Data(repeating: 1, count: 1000)
                    liar.send(
                        liar.hello(), liar.register(try liar.card([])), liar.dial(far, attempt, early: [1, 2, 3]), .circuitData(data),
                        .circuitData(data))
                    let first = try await liar.next("an answer") { $0 }
                    guard case .failure(let failure) = first else {
                        Issue.record("the first answer is \(first)")
                        return
                    }
                    #expect(failure.code == .token)
                    let more: WireEnvelope.OneOf_Body? = try? await liar.next("nothing more") { $0 }
                    #expect(more == nil)
                }
            }
        }
    }
}
