import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import Testing

/// Pairs that no direct path connects move from the circuit to coturn, and go on whatever becomes of that.
@Suite(
    "TURN relays", .serialized, .timeLimit(.minutes(10)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct RelayTests {
    @Test(
        "a pair moves to the nearest relay, over TCP or over TLS on port 443, and its circuit is freed",
        arguments: [
            (NATPreset.symmetricRandom, NATPreset.symmetricRandom, false), (.cgnBlock, .symmetricRandom, false), (.udpBlocked, .udpBlocked, false),
            (.only443, .only443, true), (.portRestricted, .only443, true), (.only443, .portRestricted, true),
        ])
    func moves(_ near: NATPreset, _ far: NATPreset, _ isSecure: Bool) async throws {
        // This pair connects directly unless told not to.
        let isRelayOnly = near == .udpBlocked
        try await RelayPlace.run(near, far, secure: isSecure, peers: { if isRelayOnly { $0.paths = .relayOnly } }) { pair, relays in
            let connection = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: connection) {
                let report = try await connection.settled()
                #expect(report.route == .turn, "\(report)")
                try await pair.moves.expect(relays[0])
                let attempt = report.attempts.first { $0.route == .turn }
                #expect(attempt?.verdict == .succeeded && (isRelayOnly || attempt.map { $0.start >= .seconds(3) } == true), "\(report)")
                #expect(report.verdict != nil)
                for _ in 0..<250 where await pair.place.circuitCount > 0 { try await Task.sleep(for: .milliseconds(20)) }
                #expect(await pair.place.circuitCount == 0)
            }
        }
    }

    @Test("a peer behind a proxy reaches the relay through it", arguments: LabProxy.Program.allCases)
    func proxied(_ program: LabProxy.Program) async throws {
        let proxy = LabProxy(program: program)
        var topology = LabProxy.topology(far: .only443)
        topology.addHost("relay1", inside: nil, link: LinkParameters(delay: .milliseconds(2)))
        try await withPeerLab(topology, server: { $0.port = 443 }) { place in
            try await proxy.run(in: place.lab) {
                try await LabRelay(host: "relay1").run(in: place.lab, secure: true) { relay in
                    await place.update(TURNRelays([relay.address], secrets: [LabRelay.secret]))
                    let given = try proxy.url(in: place.lab, nil)
                    let configure: @Sendable (inout Peer.Configuration) -> Void = {
                        $0.rendezvous.hosts = [.init(LabProxy.serverName, 443)]
                        $0.proxy = given
                    }
                    try await RelayPlace.pair(in: place, configure) { pair in
                        let connection = try await pair.near.connect(to: pair.far)
                        try await pair.withTraffic(on: connection) {
                            let report = try await connection.settled()
                            #expect(report.route == .turn, "\(report)")
                        }
                    }
                }
            }
        }
    }

    @Test("a relay that does not relay TCP, or knows an older secret, is left for the next one, or asked with that", arguments: [false, true])
    func rejects(_ isOldSecret: Bool) async throws {
        let secrets = isOldSecret ? [Array("newer".utf8), LabRelay.secret] : [LabRelay.secret]
        try await RelayPlace.run(first: isOldSecret ? [] : ["no-tcp-relay"], secrets: secrets) { pair, relays in
            let connection = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: connection) {
                let report = try await connection.settled()
                #expect(report.route == .turn)
                try await pair.moves.expect(relays[isOldSecret ? 0 : 1])
            }
        }
    }

    @Test("a full relay is left for the next one")
    func full() async throws {
        try await RelayPlace.run(first: ["total-quota=1"]) { pair, relays in
            let first = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: first) {
                try await pair.moves.expect(relays[0])
                let moves = RelayPlace.Moves()
                try await pair.place.withPeer(in: "a", { $0.onEvent = { moves.add($0) } }) { other in
                    let second = try await other.connect(to: pair.far)
                    try await pair.withTraffic(on: second) {
                        try await moves.expect(relays[1])
                    }
                }
            }
        }
    }

    @Test("a relay that is restarted, and one that dies for good, cost no byte: the other one is next")
    func dies() async throws {
        try await RelayPlace.run { pair, relays in
            let connection = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: connection) {
                try await pair.moves.expect(relays[0])
                var count = pair.moves.count
                await relays[0].stop()
                try await relays[0].start()
                // The other one, where this one came back late.
                let second = try await pair.moves.relay(after: count)
                count = pair.moves.count
                let (dying, last) = second.map { "\($0)" } == relays[0].address.host.name ? (relays[0], relays[1]) : (relays[1], relays[0])
                await dying.stop()
                try await pair.moves.expect(last, after: count)
            }
        }
    }

    @Test("the settings that operators are given let nobody reach the relay's own network")
    func denied() async throws {
        try await withLab(RelayPlace.topology(.open, .open)) { lab in
            try await LabRelay(host: "relay1").run(in: lab) { relay in
                let group = try await PeerLab.group(in: "a", of: lab)
                let loop = group.next()
                let credential = TURNCredential.timeLimited(
                    secret: LabRelay.secret, name: "peer", until: UInt64(Date().timeIntervalSince1970) + 600)
                let allowed = try lab.host("b").address
                let denied = ["10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "224.0.0.1"].compactMap {
                    IPAddress($0)
                }
                let endpoint = try #require(Endpoint(relay.address.host.description))
                let answers = try await loop.flatSubmit {
                    let promise = loop.makePromise(of: [String].self)
                    Permissions.ask(for: denied + [allowed], endpoint, credential, on: loop, promise)
                    return promise.futureResult
                }.get()
                try await group.shutdownGracefully()
                #expect(answers.sorted() == (denied.map { "\($0) 403" } + ["\(allowed) permitted"]).sorted())
            }
        }
    }

    @Test("where every relay is dead, the circuit carries on")
    func allDie() async throws {
        try await RelayPlace.run { pair, relays in
            let connection = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: connection) {
                _ = try await pair.moves.relay()
                for relay in relays { await relay.stop() }
                try await Task.sleep(for: .seconds(8))
            }
            #expect(await connection.report.route == .circuit)
        }
    }

    @Test("credentials that expire while a path runs by them end it at most, and fresh ones are there")
    func expires() async throws {
        let short = ["max-allocate-lifetime=8", "stale-nonce=3"]
        try await RelayPlace.run(first: short, relays: { $0.lifetime = 6 }) { pair, _ in
            let connection = try await pair.near.connect(to: pair.far)
            try await pair.withTraffic(on: connection) {
                _ = try await pair.moves.relay()
                try await Task.sleep(for: .seconds(16))
                for _ in 0..<500 where await connection.report.route != .turn { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(await connection.report.route == .turn)
        }
    }
}

/// Asks a relay for permissions, until each has its answer.
private final class Permissions {
    private var client: TURNClient?
    private var answers: [String] = []

    static func ask(
        for addresses: [IPAddress], _ relay: Endpoint, _ credential: TURNCredential, on loop: any EventLoop, _ promise: EventLoopPromise<[String]>
    ) {
        let gate = Gate(before: KernelSystem(), servers: [relay.address], on: loop)
        let asking = Permissions()
        asking.client = TURNClient(.init(relay), as: credential, .v4, through: gate, on: loop) { event in
            switch event {
            case .allocated: for address in addresses { asking.client?.permit(address) }
            case .permitted(let address): asking.answers.append("\(address) permitted")
            case .notPermitted(let address, .code(let code)): asking.answers.append("\(address) \(code)")
            case .notPermitted, .accepted: break
            case .ended(let refusal): promise.fail(refusal ?? .closed)
            }
            if asking.answers.count == addresses.count { promise.succeed(asking.answers) }
        }
    }
}
