import BodkinFuzzers
import NIOCore
import NIOEmbedded
import Testing

@testable import BodkinProtocols
@testable import BodkinTransport

/// The sessions of two peers on a clock of their own: a day takes a second.
@Suite struct SessionLifeTests {
    @Test(arguments: 0..<20) func bytesArriveWhateverBecomesOfThePaths(group: UInt64) throws {
        var deaths = 0
        for seed in group * 10..<group * 10 + 10 {
            let peers = try VirtualPeers(seed: seed)
            peers.loop.advanceTime(by: .seconds(1))
            talk(peers, until: .seconds(20))
            trouble(peers, until: .seconds(20))
            peers.loop.advanceTime(by: .seconds(20))
            // The last path may have died just before.
            peers.dialsFail = false
            peers.loop.advanceTime(by: .seconds(60))
            #expect(peers.wrong.isEmpty && peers.isWhole, "seed \(seed): \(peers.wrong.prefix(3)), \(peers.missing)")
            deaths += peers.deaths
        }
        #expect(deaths > 20, "schedules without deaths prove little")
    }

    /// Somebody says something about every tenth of a second.
    private func talk(_ peers: VirtualPeers, until end: Duration) {
        peers.after(peers.some(1...200)) { peers in
            guard peers.now < end else { return }
            peers.write(Int(peers.random.below(peers.random.chance(10) ? 50_000 : 300)), by: Int(peers.random.below(2)))
            talk(peers, until: end)
        }
    }

    /// Something happens to the path about every three seconds.
    private func trouble(_ peers: VirtualPeers, until end: Duration) {
        peers.after(peers.some(200...6000)) { peers in
            guard peers.now < end else { return }
            let side = Int(peers.random.below(2))
            if let path = peers.active(side) {
                switch peers.random.below(6) {
                case 0:  // a NAT reboots: both ends hear nothing any more
                    path.silence(towards: 0)
                    path.silence(towards: 1)
                case 1: path.silence(towards: side)  // half dead
                case 2:  // half dead for a while, which TCP outlives or not
                    path.silence(towards: side)
                    peers.after(peers.some(10...3000)) { _ in path.restore() }
                case 3:  // an RST reaches both
                    path.reset(side)
                    path.reset(1 - side)
                case 4: path.reset(side)  // or one
                default:  // one end suspects it for nothing
                    if side == 0 { peers.ends[0].suspect() } else { peers.ends[1].probeAll() }
                }
            }
            trouble(peers, until: end)
        }
    }

    /// With data waiting: three round trips, the bound of ``PathLiveness``, and what was on its way when the path died.
    @Test(arguments: 0..<40) func aSilentDeathIsFoundInTime(seed: UInt64) throws {
        let peers = try VirtualPeers(seed: seed)
        peers.loop.advanceTime(by: .seconds(1))
        for end in 0..<2 { chatter(peers, end) }
        peers.loop.advanceTime(by: .seconds(5))
        let path = try #require(peers.active(0))
        let end = Int(peers.random.below(2))
        // Half dead: the end that hears nothing finds out, with what it has sent unacknowledged.
        path.silence(towards: end)
        let roundTrip = Duration.nanoseconds((path.delay * 2).nanoseconds)
        let bound = roundTrip * 3 + (roundTrip + .milliseconds(700)) + roundTrip / 2 + .milliseconds(50)
        peers.loop.advanceTime(by: TimeAmount(bound * 1.2))
        #expect(peers.ends[end].activePath !== path.ends[end].path, "seed \(seed): not after \(bound * 1.2), round trip \(roundTrip)")
        #expect(peers.wrong.isEmpty, "seed \(seed): \(peers.wrong)")
    }

    /// Who only reads has sent nothing that waits for an answer.
    @Test(arguments: [0, 1], [20, 100, 700, 3000, 25_000] as [Int64]) func eitherEndMissesWhatUsedToCome(reader: Int, pause: Int64) throws {
        let peers = try VirtualPeers(seed: UInt64(pause))
        peers.loop.advanceTime(by: .seconds(1))
        say(peers, 1 - reader, every: .milliseconds(pause))
        peers.loop.advanceTime(by: .milliseconds(max(8_000, pause * 2) + 11))
        let path = try #require(peers.active(reader))
        #expect(peers.doubts == [[], []])
        path.silence(towards: reader)
        let death = peers.now
        peers.loop.advanceTime(by: .seconds(2))
        let doubt = try #require(peers.doubts[reader].first)
        let usual = Duration.milliseconds(min(max(pause * 2 + 100, 200), 1000))
        let roundTrip = Duration.nanoseconds((path.delay * 2).nanoseconds)
        #expect(doubt - death <= usual + roundTrip * 3 + .milliseconds(300))
        #expect(peers.wrong.isEmpty, "\(peers.wrong)")
    }

    private func say(_ peers: VirtualPeers, _ end: Int, every pause: TimeAmount) {
        peers.write(20, by: end)
        peers.after(pause) { say($0, end, every: pause) }
    }

    /// One end asks, about once a second, and half a minute after the last record the keepalives rule.
    @Test func whatAnActiveAndAnIdleSessionCost() throws {
        let peers = try VirtualPeers(seed: 1)
        peers.loop.advanceTime(by: .seconds(1))
        let path = try #require(peers.active(0))
        peers.write(20, by: 0)
        peers.loop.advanceTime(by: .seconds(1))
        var before = path.pieces
        peers.loop.advanceTime(by: .seconds(28))
        #expect(path.pieces[0] - before[0] <= 40 && path.pieces[1] - before[1] <= 40, "\(path.pieces), \(before)")
        peers.loop.advanceTime(by: .seconds(30))
        before = path.pieces
        peers.loop.advanceTime(by: .hours(1))
        // Both peers search for the idle time that the NATs allow, and soon probe every two hours.
        #expect(path.pieces[0] - before[0] <= 20 && path.pieces[1] - before[1] <= 20, "\(path.pieces), \(before)")
        #expect(peers.wrong.isEmpty && peers.doubts == [[], []])
    }

    private func chatter(_ peers: VirtualPeers, _ end: Int) {
        peers.write(100, by: end)
        peers.after(.milliseconds(20)) { chatter($0, end) }
    }

    @Test(arguments: [10, 30, 60, 300, 1800, 7440] as [Int64]) func aDayOfSilenceBehindNATsThatForget(seconds: Int64) throws {
        let peers = try VirtualPeers(seed: UInt64(seconds))
        peers.forgetsAfter = .seconds(seconds)
        peers.dialsFail = false
        // The first path was there before the NATs were told.
        peers.loop.advanceTime(by: .seconds(1))
        peers.active(0)?.reset(0)
        peers.loop.advanceTime(by: .hours(24))
        // Each death is seen by two ends at most, and the search finds out with ten.
        #expect(peers.deaths <= 24, "\(peers.deaths) deaths")
        // What one end says keeps the path for both.
        #expect(peers.keepalives.contains { $0.interval < .seconds(seconds) }, "\(peers.keepalives.map(\.interval))")
        peers.write(100, by: 0)
        peers.write(100, by: 1)
        peers.loop.advanceTime(by: .seconds(1))
        #expect(peers.wrong.isEmpty && peers.isWhole, "\(peers.wrong), \(peers.missing)")
    }
}
