import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import FoundationEssentials
import Testing

/// What docs/server.md says of a listener that nobody talks to.
@Suite(
    "An idle listener", .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct IdleListenerTests {
    private static let delay = Duration.milliseconds(20)
    /// Any time that a busy machine takes.
    private static let allowance = Duration.seconds(1)

    @Test("is reachable again within 10.6 s and eight round trips after its NAT has forgotten its connections, for three packets in ten seconds")
    func forgotten() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString).pcap").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = Lab.Options()
        options.capture = path
        let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: Self.delay), seed: 1)
        let outside = try #require(topology.outsideAddress(of: "b"))
        let idle: ClosedRange<Int64> = try await withPeerLab(topology, options: options) { place in
            let log = EventLog()
            @Sendable func configure(_ configuration: inout Peer.Configuration) {
                (configuration.admission, configuration.profilesNetwork) = (.anyone, false)
            }
            return try await place.withPeer(in: "a", { $0.profilesNetwork = false }) { near in
                try await place.withPeer(in: "b", log: log, configure) { far in
                    try await far.registered()
                    try await near.registered()
                    try await Task.sleep(for: .seconds(1))
                    let begin = Self.time
                    // The probes come 8 s and 18 s after the registration: the NAT forgets right after the second one, which is the worst moment.
                    try await Task.sleep(for: .seconds(18))
                    let (end, registrations, start) = (Self.time, log.registrationCount, ContinuousClock.now)
                    try await place.lab.apply(.reboot("b"))
                    try await eventually("the next registration") { log.registrationCount > registrations }
                    let time = ContinuousClock.now - start
                    print("An idle listener is registered again \(time) after its NAT has forgotten its connections.")
                    #expect(time < .milliseconds(10_600) + Self.delay * 2 * 8 + Self.allowance)
                    let connection = try await near.connect(to: far.id)
                    #expect(try await connection.settled().route == .direct)
                    return begin...end
                }
            }
        }
        // The capture is of the core, where the listener has its outside address.
        let records = try Capture(path: path).records.filter { record in
            let flow = record.packet.flow
            return idle.contains(record.time) && [flow.source, flow.destination].contains { $0.port == 4433 }
                && [flow.source, flow.destination].contains { $0.address == outside }
        }
        let (packets, bytes) = (records.count, records.reduce(0) { $0 + $1.size })
        print("In 18 s an idle link has carried \(packets) packets of \(bytes) bytes, IP headers included.")
        // Two probes: ping, pong, and TCP's acknowledgement of that.
        // A busy machine may repeat one.
        #expect((6...8).contains(packets) && bytes <= packets * 79, "\(records)")
    }

    private static var time: Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}
