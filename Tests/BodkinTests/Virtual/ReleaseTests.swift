import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Peers that have done something, and what of it is still in memory when it is over.
@Suite("What is over leaves the memory")
struct ReleaseTests {
    /// What a peer may have done.
    enum Life: CaseIterable, Sendable {
        case idle, direct, relayed, directOnly, written, closed, closedByCalled, aborted, abortedByCalled, glare
        case cancelled, cancelledOnCircuit, refused, absent, remoteGone, serverGone, pathLost, networkLost, forecast

        /// How the peers find paths.
        var paths: Peer.PathPolicy {
            switch self {
            case .relayed, .cancelledOnCircuit: .relayOnly
            case .directOnly: .directOnly
            default: .all
            }
        }

        /// The peers do it, and nothing waits for its result any more.
        func lead(_ dial: VirtualDial, watch: () -> Void) throws {
            func run(_ time: Duration) {
                let end = dial.network.now + time
                while dial.network.now < end {
                    watch()
                    dial.network.run(for: .milliseconds(time > .seconds(20) ? 1_000 : 10))
                }
            }
            switch self {
            case .idle: run(.seconds(1))
            case .direct, .relayed, .directOnly: try connect(dial, run)
            case .written:
                let record = try connect(dial, run)
                var bytes = ByteBuffer(repeating: 1, count: 100_000)
                record.driver.writeNow(&bytes, to: .initial)
                run(.seconds(1))
            case .closed, .closedByCalled:
                try connect(dial, run)
                let ends = self == .closed ? [dial.a, dial.b] : [dial.b, dial.a]
                for end in ends {
                    for record in end.engine.remotes.records {
                        record.driver.close(code: 0, reason: "enough").assumeIsolated().whenComplete { _ in }
                    }
                    run(.seconds(1))
                }
            case .aborted, .abortedByCalled:
                try connect(dial, run)
                for record in (self == .aborted ? dial.a : dial.b).engine.remotes.records { record.driver.abort(code: 1, reason: "enough") }
                run(.seconds(1))
            case .glare:
                dial.reverse = dial.b.connect(to: dial.a.id)
                try connect(dial, run)
                dial.reverse = nil
            case .cancelled, .cancelledOnCircuit:
                let call = Call()
                dial.a.engine.connect(to: dial.b.id, for: call.id).assumeIsolated().whenComplete { _ in }
                run(.milliseconds(60))
                dial.a.engine.cancelDial(to: dial.b.id, for: call.id)
                run(.seconds(1))
            case .refused, .absent:
                let target = self == .absent ? try Identity.create().peerID : dial.b.id
                let call = dial.a.connect(to: target)
                run(.seconds(12))
                #expect(call.error != nil)
            case .remoteGone:
                try connect(dial, run)
                dial.b.engine.close()
                run(.seconds(60))
            case .serverGone:
                try connect(dial, run)
                dial.server.crash()
                run(.seconds(2))
                try dial.server.start()
                run(.seconds(20))
            case .pathLost:
                try connect(dial, run)
                try dial.network.apply(.reboot(dial.network.topology.boxes[0].name))
                run(.seconds(15))
            case .networkLost:
                try connect(dial, run)
                try dial.network.apply(.link("a", isUp: false))
                run(.seconds(20))
                try dial.network.apply(.link("a", isUp: true))
                run(.seconds(20))
            case .forecast:
                dial.a.engine.queryForecast(of: dial.b.id).assumeIsolated().whenComplete { _ in }
                run(.seconds(5))
            }
        }

        @discardableResult
        private func connect(_ dial: VirtualDial, _ run: (Duration) -> Void) throws -> SessionRecord {
            let call = dial.a.connect(to: dial.b.id)
            run(.seconds(2))
            return try #require(call.connection?.recordHere, "\(self): \(String(describing: call.error))")
        }
    }

    /// What there has been, of peers and of what they did.
    private struct Past {
        var peers = Remains()
        var work = Remains()

        mutating func watch(_ dial: VirtualDial) {
            let parts = dial.a.engine.parts + dial.b.engine.parts
            // A connection that was closed goes on in the host's system, as in a kernel.
            let kinds: Set = ["circuit", "remote", "dial", "session record", "session", "path"]
            work.watch(parts.filter { kinds.contains($0.kind) })
            peers.watch(parts + [("network", dial.network), ("event loop", dial.network.loop), ("server", dial.server)])
        }
    }

    /// Two peers that do something, end their sessions, and live on for a minute.
    private func lead(_ life: Life, _ past: inout Past) throws -> VirtualDial {
        let link = LinkParameters(delay: .milliseconds(10))
        let dial = try VirtualDial(
            .pair(.portRestricted, .portRestricted, link: link, seed: 1), serverAddresses: 2,
            a: {
                $0.paths = life.paths
                $0.dialTimeout = .seconds(10)
            },
            b: {
                $0.paths = life.paths
                if life == .refused { $0.admission = .nobody }
            })
        #expect(dial.register())
        try life.lead(dial) { past.watch(dial) }
        for record in dial.a.engine.remotes.records + dial.b.engine.remotes.records { record.driver.abort(code: 1, reason: "enough") }
        // A dial of others is forgotten after half a minute, an attempt at the server after a whole one, and TIME_WAIT lasts as long.
        for _ in 0..<130 {
            past.watch(dial)
            dial.network.run(for: .seconds(1))
        }
        return dial
    }

    /// The same, and then the end of the peers and of their network.
    private func end(_ life: Life) throws -> Past {
        var past = Past()
        let dial = try lead(life, &past)
        dial.a.engine.close()
        dial.b.engine.close()
        dial.network.run(for: .seconds(1))
        try dial.network.close()
        return past
    }

    @Test("nothing is left of a dial, its session and its paths in a peer that lives on", arguments: Life.allCases)
    func work(_ life: Life) throws {
        var past = Past()
        let dial = try lead(life, &past)
        #expect(past.work.isEmpty, "\(past.work)")
        #expect(life == .idle || past.work.watchedCount >= 2)
        // The last state is over as well.
        #expect([dial.a, dial.b].allSatisfy { $0.engine.remotes.drivers.isEmpty && $0.engine.circuits.isEmpty })
        try dial.network.close()
    }

    @Test("nothing is left of peers, their server and their network when they are over", arguments: Life.allCases)
    func end(of life: Life) throws {
        let past = try end(life)
        #expect(past.peers.isEmpty, "\(past.peers)")
        #expect(past.peers.watchedCount >= 17)
    }

    @Test("nothing is left of a peer that ends while it dials, or is dialed, at whatever millisecond", arguments: [true, false])
    func endInTheMiddle(endsNear: Bool) throws {
        for milliseconds in stride(from: 0, through: 120, by: 4) {
            let past = try endInTheMiddle(endsNear: endsNear, after: .milliseconds(milliseconds))
            #expect(past.peers.isEmpty, "after \(milliseconds) ms: \(past.peers)")
        }
    }

    private func endInTheMiddle(endsNear: Bool, after time: Duration) throws -> Past {
        var past = Past()
        let dial = try VirtualDial(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
        #expect(dial.register())
        _ = dial.a.connect(to: dial.b.id)
        dial.network.run(for: time)
        past.watch(dial)
        (endsNear ? dial.a : dial.b).engine.close()
        dial.network.run(for: .milliseconds(200))
        past.watch(dial)
        (endsNear ? dial.b : dial.a).engine.close()
        dial.network.run(for: .seconds(1))
        try dial.network.close()
        return past
    }
}
