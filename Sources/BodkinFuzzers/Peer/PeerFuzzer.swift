import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork

/// A hostile server, and hostile remote peers, for a whole peer in virtual time: the shipped engine, its machines, its drivers, TLS and sessions.
///
/// ```swift
/// print(try PeerFuzzer.run(count: 100_000, seed: 1))
/// ```
/// A message that ends a connection ends that connection alone: the peer dials its server anew, and each hostile peer opens another path. Keys and identifiers are
/// new in each run, so a seed repeats what was done to the peer, and not its bytes.
package enum PeerFuzzer {
    /// What the inputs led to; each number but ``violationCount`` must be large, or the run has shown nothing.
    package struct Counts: Hashable, Sendable, CustomStringConvertible {
        /// Messages of the server, pieces of paths, and actions of the application and of the network.
        package var inputs = 0
        /// Messages of the server, by kind.
        package var messages: [String: Int] = [:]
        /// Those that were changed after they had been made.
        package var mutated = 0
        /// Pieces that went over paths whose remote end is authenticated.
        package var frames = 0
        /// Links to the server that came up.
        package var links = 0
        /// Registrations that reached the server.
        package var registrations = 0
        /// Dials of the peer that reached the server.
        package var dials = 0
        /// Meets that the peer has accepted.
        package var accepted = 0
        /// Paths on circuits, and on TCP, that were authenticated.
        package var circuits = 0
        /// The same on TCP.
        package var directPaths = 0
        /// Paths that the peer has opened, or answered, with a valid OPEN.
        package var opened = 0
        /// The most sessions at once.
        package var mostSessions = 0
        /// Peers that were begun, and those that a refusal of the server ended.
        package var peers = 0
        /// The same.
        package var refusedPeers = 0
        /// Things that must never happen and did.
        package var violationCount = 0
        /// The first of them, with the number of the input.
        package var violations: [String] = []

        /// All counts on a few lines.
        package var description: String {
            let kinds = messages.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            return """
                inputs \(inputs), mutated \(mutated), frames \(frames), messages: \(kinds)
                links \(links), registrations \(registrations), dials \(dials), accepted \(accepted), circuits \(circuits), \
                direct paths \(directPaths), opened \(opened), sessions at once \(mostSessions), peers \(peers), refused \(refusedPeers)
                violations \(violationCount)\(violations.map { "\n  " + $0 }.joined())
                """
        }

        mutating func report(_ message: String) {
            violationCount += 1
            if violations.count < 16 { violations.append("input \(inputs): \(message)") }
        }
    }

    /// The most inputs of one peer, before another one takes its place.
    private static let life = 1_500

    /// Gives peers `count` inputs.
    package static func run(count: Int, seed: UInt64) throws -> Counts {
        var counts = Counts()
        var random = SplitMix64(state: seed)
        let keys = try HostileKeys(&random)
        while counts.inputs < count {
            let remains = try live(keys, seed: random.next(), until: min(count, counts.inputs + life), &counts)
            if !remains.isEmpty { counts.report("a peer that is over is still in memory: \(remains)") }
        }
        return counts
    }

    /// One peer, from its beginning to its end. Returns what there was of it, of which nothing is left once this has returned.
    private static func live(_ keys: HostileKeys, seed: UInt64, until end: Int, _ counts: inout Counts) throws -> Remains {
        let world = try FuzzedPeer(keys, seed: seed, counts)
        try world.run(until: end)
        counts = world.counts
        return world.remains
    }
}
