import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Dials to a peer that is away for a moment, at every moment of a dial, in virtual time.
@Suite("Virtual dials to a peer that is away")
struct VirtualAwayTests {
    private static let link = LinkParameters(delay: .milliseconds(25))

    /// Two peers that are registered at a server.
    private struct Place {
        let network: VirtualNetwork
        let server: VirtualServer
        let near: VirtualPeer
        let far: VirtualPeer

        init(_ seed: UInt64, near: (inout Peer.Configuration) -> Void = { _ in }, far: (inout Peer.Configuration) -> Void = { _ in }) throws {
            let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: VirtualAwayTests.link, seed: seed))
            self.network = network
            server = try VirtualServer(on: network, identity: .create())
            let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url, near)
            let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url, far)
            (self.near, self.far) = (a, b)
            #expect(network.run(atMost: .seconds(5)) { a.isRegistered && b.isRegistered })
            network.run(for: .seconds(2))
        }

        /// How long a call takes; nil where it does not go through.
        func time(_ call: VirtualCall, from start: Instant) -> Duration? {
            _ = network.run(atMost: .seconds(35)) { call.result != nil }
            return call.connection == nil ? nil : network.now - start
        }
    }

    @Test("a dial goes through whenever the called side's NAT reboots", arguments: [Peer.PathPolicy.all, .directOnly])
    func reboot(_ paths: Peer.PathPolicy) throws {
        var longest = Duration.zero
        for step in stride(from: -40, through: 300, by: 20) {
            let place = try Place(UInt64(step + 100), near: { $0.paths = paths })
            if step < 0 {
                try place.network.apply(.reboot("b"))
                place.network.run(for: .milliseconds(-step * 25))
            }
            let start = place.network.now
            let call = place.near.connect(to: place.far.id)
            if step >= 0 {
                place.network.run(for: .milliseconds(step))
                try place.network.apply(.reboot("b"))
            }
            let time = place.time(call, from: start)
            longest = max(longest, time ?? .zero)
            // Without a circuit nothing tells that a peer which has answered is gone: the dial ends as one between NATs that cannot meet.
            if paths == .directOnly, step > 50, (call.error as? PeerError)?.code == .unreachable { continue }
            #expect(time != nil, "rebooted \(step) ms after the dial: \(String(describing: call.error))")
        }
        print("called side's NAT reboots during a dial, \(paths.rawValue): at most \(longest)")
    }

    @Test("a dial goes through whenever the server goes away, and comes back three seconds later", arguments: [Peer.PathPolicy.all, .directOnly])
    func crash(_ paths: Peer.PathPolicy) throws {
        var longest = Duration.zero
        for step in stride(from: 0, through: 300, by: 20) {
            let place = try Place(UInt64(step + 1), near: { $0.paths = paths })
            let start = place.network.now
            let call = place.near.connect(to: place.far.id)
            place.network.run(for: .milliseconds(step))
            place.server.crash(isPowerCut: paths == .all)
            place.network.run(for: .seconds(3))
            try place.server.start()
            let time = place.time(call, from: start)
            longest = max(longest, time ?? .zero)
            #expect(time != nil, "crashed \(step) ms after the dial: \(String(describing: call.error))")
        }
        print("server away for 3 s during a dial, \(paths.rawValue): at most \(longest)")
    }

    @Test("two that dial each other have one connection, whenever the NAT of one of them reboots", arguments: ["a", "b"])
    func glare(_ name: String) throws {
        for step in stride(from: 0, through: 300, by: 20) {
            let place = try Place(UInt64(step + 1))
            let first = place.near.connect(to: place.far.id)
            let second = place.far.connect(to: place.near.id)
            place.network.run(for: .milliseconds(step))
            try place.network.apply(.reboot(name))
            #expect(place.network.run(atMost: .seconds(35)) { first.result != nil && second.result != nil }, "\(step) ms")
            #expect(first.connection != nil && second.connection != nil, "\(step) ms: \(String(describing: (first.error, second.error)))")
            #expect(first.connection?.recordHere?.driver.id == second.connection?.recordHere?.driver.id, "\(step) ms")
        }
    }

    @Test("a peer that does not exist and one that does not admit the dialer fail alike, at the same millisecond")
    func unavailable() throws {
        var failures: [(Duration, String)] = []
        for isThere in [true, false] {
            let place = try Place(1, near: { $0.dialTimeout = .seconds(4) }, far: { $0.admission = .nobody })
            let absent = try Identity.create().peerID
            let start = place.network.now
            let call = place.near.connect(to: isThere ? place.far.id : absent)
            #expect(place.network.run(atMost: .seconds(10)) { call.result != nil })
            failures.append((place.network.now - start, (call.error as? PeerError)?.message.replacing("\(place.near.id)", with: "") ?? ""))
        }
        #expect(failures[0] == failures[1] && failures[0].1.contains("not registered"), "\(failures)")
        #expect((.milliseconds(3_500) ... .seconds(4)).contains(failures[0].0), "\(failures)")
    }
}
