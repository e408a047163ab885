import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import FoundationEssentials
import Synchronization
import Testing

extension AbuseTests {
    /// The listener `a` (seen as 203.0.113.11) admits anyone; its server invents peers at a third party, 203.0.113.15.
    @Suite("A server that invents peers")
    struct InventedPeerTests {
        /// How long the server goes on, and how many Meets it sends in a second.
        private static let (seconds, rate) = (8, 40)

        /// A Meet with a peer that was invented for it, at eight ports of the third party.
        private static func meet(_ number: Int, at address: IPAddress, _ server: LyingServer) throws -> WireMeet {
            let endpoints = (0..<8).map { Endpoint(address, UInt16(1024 + (8 * number + $0) % 60_000)) }
            return try InventedPeer().meet(at: endpoints, server: server.url.keyHash ?? [], now: server.now)
        }

        @Test("has a listener send a third party no more than the share of one address", .timeLimit(.minutes(1)))
        func share() async throws {
            let third = try #require(IPAddress(LyingServerTests.third))
            var options = Lab.Options()
            let folder = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UInt64.random(in: .min ... .max))")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.appending(path: "core.pcap").path()
            options.capture = path
            try await withLab(LyingServerTests.topology, options: options) { lab in
                try await LyingServer.run(in: lab) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    try await place.withPeer(in: "a", { $0.admission = .anyone }) { listener in
                        try await listener.registered()
                        try await eventually("the NAT-binding connection") { server.state.withLock { $0.observed.count } == 1 }
                        for number in 0..<Self.seconds * Self.rate {
                            server.send([.meet(try Self.meet(number, at: third, server))], to: listener.id)
                            try await Task.sleep(for: .milliseconds(1000 / Self.rate))
                        }
                        try await server.isRead(by: listener.id)
                        #expect(server.state.withLock { $0.answers.count { $0.answer == .accepted } } > Self.seconds * Self.rate / 2)
                        // Those under way send their last SYNs, and the system repeats them.
                        try await Task.sleep(for: .seconds(4))
                    }
                }
            }
            let capture = try Capture(path: path)
            let requests = capture.records.filter { $0.packet.isConnectionRequest && $0.packet.flow.destination.address == third }
            let limit = OutboundGate.strangerLimits.address
            // The system repeats a SYN after a second, and after three.
            #expect(
                requests.count > 8 && requests.count <= 3 * (limit + 2), "\(requests.count) SYNs")
            let ports = Set(requests.map(\.packet.flow.destination.port)).count
            print("a server that invents peers: \(Self.seconds * Self.rate) Meets, \(requests.count) SYNs to \(ports) ports of a third party")
        }
    }
}
