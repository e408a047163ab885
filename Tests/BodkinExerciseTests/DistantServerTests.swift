import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// Ways on which everything takes seconds.
@Suite(
    "A distant network", .timeLimit(.minutes(4)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct DistantServerTests {
    /// A link between any two hosts.
    struct Member: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let link: LinkParameters

        static let all = [
            Member(testDescription: "a round trip of 5 s at 256 kbit/s", link: LinkParameters(delay: .milliseconds(2500), rate: 256_000)),
            Member(
                testDescription: "a round trip of 2 s, 300 ms of jitter and 5 % loss",
                link: LinkParameters(delay: .seconds(1), jitter: .milliseconds(300), loss: 0.025)),
            Member(
                testDescription: "a round trip of 2 s, 300 ms of jitter, 5 % loss and 128 kbit/s",
                link: LinkParameters(delay: .seconds(1), jitter: .milliseconds(300), loss: 0.025, rate: 128_000)),
        ]
    }

    @Test("registers, connects, and carries bytes both ways", arguments: Member.all)
    func connects(_ member: Member) async throws {
        let topology = Topology.pair(.portRestricted, .portRestricted, link: member.link, seed: 1)
        try await withPeerLab(topology) { place in
            @Sendable func configure(_ configuration: inout Peer.Configuration) {
                (configuration.admission, configuration.dialTimeout) = (.anyone, .seconds(90))
            }
            let start = ContinuousClock.now
            try await place.withPeer(in: "b", configure) { called in
                try await place.withPeer(in: "a", configure) { dialer in
                    try await called.registered()
                    try await dialer.registered()
                    let registered = ContinuousClock.now - start
                    let connection = try await dialer.connect(to: called.id)
                    let connected = ContinuousClock.now - start
                    try await connection.write("hello".utf8)
                    var incoming = called.incoming.makeAsyncIterator()
                    let accepted = try #require(try await incoming.next())
                    #expect(try await accepted.read() == Array("hello".utf8))
                    try await accepted.write("and back".utf8)
                    #expect(try await connection.read() == Array("and back".utf8))
                    print("\(member.testDescription): registered after \(registered), connected after \(connected)")
                }
            }
        }
    }
}
