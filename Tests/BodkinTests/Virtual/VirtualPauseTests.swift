import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Two peers that talk, and something that happens to the network of one of them, in virtual time.
@Suite("Virtual pauses")
struct VirtualPauseTests {
    enum Incident: String, CaseIterable {
        case reboot, address, silenceUp, silenceDown, reset

        /// Whether nothing comes any more, for good.
        var isSilent: Bool { self == .reboot || self == .address }
        var outage: Duration { self == .silenceUp || self == .silenceDown ? .seconds(5) : .zero }

        /// - Parameter number: how many have happened before: no address comes twice.
        func strike(_ host: String, _ path: Path?, _ network: VirtualNetwork, number: UInt32 = 0) throws {
            switch self {
            case .reboot: try network.apply(.reboot(host))
            case .address: try network.apply(.addressChange(host, IPAddress(v4: 0xCB00_71C8 + number * 2 + (host == "a" ? 0 : 1))))
            case .silenceUp: try network.apply(.blackhole(host, isUpward: true, outage))
            case .silenceDown: try network.apply(.blackhole(host, isUpward: false, outage))
            case .reset: try network.apply(.reset(host, remote: path?.remote))
            }
        }
    }

    struct Case: CustomTestStringConvertible {
        let near: NATPreset, far: NATPreset
        let incident: Incident
        let host: String
        let writesNear: Bool
        var testDescription: String { "\(near.rawValue) with \(far.rawValue), \(incident.rawValue) of \(host), \(writesNear ? "a" : "b") writes" }
    }

    static let cases: [Case] = {
        let pairs: [(NATPreset, NATPreset)] = [
            (.portRestricted, .portRestricted), (.symmetricSequential, .symmetricSequential), (.symmetricSequential, .portRestricted),
        ]
        return pairs.flatMap { pair in
            Incident.allCases.flatMap { incident in
                ["a", "b"].flatMap { host in
                    // Who wrote last matters where nobody is told.
                    (incident.isSilent ? [true, false] : [true]).map {
                        Case(near: pair.0, far: pair.1, incident: incident, host: host, writesNear: $0)
                    }
                }
            }
        }
    }()

    @Test("a conversation pauses for at most 1.5 s beyond an outage, and is direct again within 3 s", arguments: cases)
    func pause(_ test: Case) throws {
        let (network, a, b, near, far) = try Self.pair(test.near, test.far)
        let talk = VirtualConversation(
            from: test.writesNear ? near : far, to: test.writesNear ? far : near, every: .milliseconds(100), on: network)
        network.run(for: .seconds(2))
        #expect(near.activePath?.kind == .tcp && far.activePath?.kind == .tcp)
        talk.watch()
        let before = [near.activePath, far.activePath]
        try test.incident.strike(test.host, before[test.host == "a" ? 0 : 1], network)
        let trace = VirtualTrace([("a", a, near), ("b", b, far)], on: network)
        var isDirect = false
        var directAt: Duration?
        let start = network.now
        let step = Duration.milliseconds(5)
        for _ in 0..<Int((test.incident.outage + .seconds(10)) / step) {
            network.run(for: step)
            trace.look()
            let paths = [near, far].map { $0.activePath?.kind == .tcp && !$0.isDoubted ? $0.activePath : nil }
            // After a silence the path may be the one from before.
            let mayStay = test.incident.outage > .zero && network.now - start > test.incident.outage
            isDirect = zip(paths, before).allSatisfy { $0 != nil && (mayStay || $0 !== $1) }
            if !isDirect { directAt = nil } else if directAt == nil { directAt = network.now - start }
            if isDirect, let directAt, network.now - start > max(directAt, test.incident.outage) + .milliseconds(500) { break }
        }
        let pause = max(talk.pause - test.incident.outage, .zero)
        #expect(talk.isWhole && talk.error == nil)
        #expect(pause <= .seconds(1.5), "\(trace.text)")
        #expect(directAt.map { $0 - test.incident.outage <= .seconds(3) } ?? false, "\(trace.text)")
        talk.end()
    }

    @Test("a path that dies as soon as it has come is replaced as early", arguments: ["a", "b"], [true, false])
    func twice(_ host: String, _ writesNear: Bool) throws {
        let (network, a, b, near, far) = try Self.pair(.portRestricted, .portRestricted)
        let talk = VirtualConversation(from: writesNear ? near : far, to: writesNear ? far : near, every: .milliseconds(20), on: network)
        network.run(for: .seconds(2))
        talk.watch()
        let trace = VirtualTrace([("a", a, near), ("b", b, far)], on: network)
        for _ in 0..<4 {
            let before = near.activePath
            try Incident.reboot.strike(host, nil, network)
            for _ in 0..<800 where near.activePath === before || near.activePath?.kind != .tcp { trace.run(for: .milliseconds(5)) }
            #expect(near.activePath !== before && near.activePath?.kind == .tcp)
        }
        network.run(for: .seconds(5))
        #expect(talk.isWhole && talk.error == nil)
        #expect(talk.pause <= .seconds(1.5), "\(trace.text)")
        talk.end()
    }

    @Test("a peer whose path is silent finds out that its link to the server has died since", arguments: ["a", "b"], [true, false])
    func linkToo(_ host: String, _ writesNear: Bool) throws {
        let (network, a, b, near, far) = try Self.pair(.portRestricted, .portRestricted)
        let talk = VirtualConversation(from: writesNear ? near : far, to: writesNear ? far : near, every: .milliseconds(20), on: network)
        network.run(for: .seconds(2))
        talk.watch()
        let trace = VirtualTrace([("a", a, near), ("b", b, far)], on: network)
        try Incident.address.strike(host, nil, network)
        network.run(for: .milliseconds(600))
        // The other one's doubt has asked the server before.
        try Incident.reboot.strike(host == "a" ? "b" : "a", nil, network)
        trace.run(for: .seconds(10))
        #expect(talk.isWhole && talk.error == nil)
        #expect(talk.pause <= .seconds(2), "\(trace.text)")
        talk.end()
    }

    /// Two peers, and the ends of a session with a direct path, where there can be one.
    static func pair(
        _ near: NATPreset, _ far: NATPreset, seed: UInt64 = 1
    ) throws -> (VirtualNetwork, VirtualPeer, VirtualPeer, SessionDriver, SessionDriver) {
        let network = VirtualNetwork(.pair(near, far, link: LinkParameters(delay: .milliseconds(25)), seed: seed))
        let server = try VirtualServer(on: network, identity: .create())
        let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: .seconds(5)) { a.isRegistered && b.isRegistered })
        network.run(for: .seconds(1))
        let call = a.connect(to: b.id)
        let route = near == .symmetricRandom ? Route.circuit : .direct
        #expect(network.run(atMost: .seconds(5)) { call.report?.route == route && b.engine.remotes.sessionCount > 0 })
        let near = try #require(call.connection?.recordHere?.driver)
        return (network, a, b, near, try #require(b.engine.remotes.records.first?.driver))
    }
}

/// What two peers go through, step by step.
final class VirtualTrace {
    private let ends: [(name: String, peer: VirtualPeer, driver: SessionDriver)]
    private let network: VirtualNetwork
    private let start: Instant
    private var last: [String: String] = [:]
    private(set) var lines: [String] = []

    init(_ ends: [(name: String, peer: VirtualPeer, driver: SessionDriver)], on network: VirtualNetwork) {
        (self.ends, self.network, start) = (ends, network, network.now)
        look()
        lines = []
    }

    var text: String { lines.joined(separator: "\n") }

    /// Lets time pass, and notes what changes.
    func run(for duration: Duration) {
        let end = network.now + duration
        while network.now < end {
            network.run(for: .milliseconds(5))
            look()
        }
    }

    /// Notes what has changed.
    func look() {
        for end in ends {
            let engine = end.peer.engine
            note(end.name, "path", end.driver.activePath.map { "\($0.kind)" } ?? "none")
            note(end.name, "doubted", "\(end.driver.isDoubted)")
            let isSilent = engine.rendezvous.machine.link?.replacedSince != nil
            note(end.name, "link", isSilent ? "silent" : engine.isRegistered ? "registered" : engine.isLinkUp ? "up" : "down")
            note(end.name, "mapping", engine.bindings.map { $0.observed.map { "\($0)" } ?? "unknown" }.joined(separator: " "))
            var dials: [DialDriver] = []
            engine.remotes.forEachDial { dials.append($0) }
            note(
                end.name, "dials",
                dials.map { "\($0.role) \("\($0.id)".prefix(4)) \($0.isMeeting ? "meeting" : $0.isDialed ? "dialed" : "waiting")" }.joined(
                    separator: ", "))
            let attempts = dials.flatMap(\.report.attempts)
            note(end.name, "attempts", attempts.map(\.description).joined(separator: "; "))
        }
    }

    private func note(_ end: String, _ what: String, _ value: @autoclosure () -> String) {
        let value = value()
        guard last[end + what] != value else { return }
        last[end + what] = value
        lines.append("\((network.now - start).inMilliseconds) \(end): \(what) \(value)")
    }
}
