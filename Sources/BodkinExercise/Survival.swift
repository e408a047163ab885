package import BodkinEmulation

/// What can happen to the path of a live connection.
package enum PathDeath: String, Sendable, CaseIterable {
    /// The NATs of `a`, or that of `b`, forget everything.
    case rebootNear = "NAT reboot (dialer)"
    case rebootFar = "NAT reboot (called)"
    /// A forged RST reaches both ends.
    case reset = "injected RST"
    /// For two seconds nothing leaves `a`, or nothing reaches it.
    case silenceUp = "blackhole, outwards"
    case silenceDown = "blackhole, inwards"
    /// The NATs of `a`, or that of `b`, have other outside addresses, and forget everything.
    case addressNear = "address change (dialer)"
    case addressFar = "address change (called)"
    /// The address that `a` uses is taken away for two seconds; what is left is its other interface.
    case interface = "interface change"
    /// The rendezvous server ends and begins anew, and an RST reaches both ends.
    case server = "rendezvous server restarted"

    /// How long no byte can pass whatever anybody does; a server that is restarted is away for as long as it takes.
    package var outage: Duration { self == .silenceUp || self == .silenceDown ? Self.silence : .zero }
    static let silence = Duration.seconds(2)
}

/// What became of a conversation whose paths were killed.
package struct Survival: Sendable {
    /// How long everything took, from the first byte to the last acknowledgement.
    package var duration = Duration.zero
    /// How many deaths were brought about before the last byte had come.
    package var kills = 0
    /// How long nobody could have done anything about them: nothing passed, or there was no server.
    package var outage = Duration.zero
    /// How often the dialer and the called side lost the path that carried the connection.
    package var deaths = (near: 0, far: 0)
    /// Whether both sides read what the other one wrote, by SHA-256.
    package var isWhole = false
    /// How many bytes each side read.
    package var received = (near: 0, far: 0)
    /// For each death that the dialer noticed: how long until the connection had moved on.
    package var gaps: [Duration] = []

    /// What was asked of it.
    package struct Settings: Sendable {
        /// How many bytes the dialer writes, and the called side.
        package var byteCount: Int, answerByteCount: Int
        /// What happens, and when; what has not cost either end its path after five seconds is followed by an RST.
        package var deaths: [(after: Duration, what: PathDeath)]
        /// The network; `a` needs two interfaces for ``PathDeath/interface``.
        package var topology: Topology
        /// Whether each side keeps its last bytes back until all deaths have happened: then none comes too late, however long it takes.
        package var outlastsDeaths = false

        /// Settings from their parts.
        /// - Parameter answerByteCount: how many bytes the called side writes; nil for as many as the dialer.
        package init(byteCount: Int, answerByteCount: Int? = nil, deaths: [(after: Duration, what: PathDeath)], topology: Topology) {
            self.byteCount = byteCount
            self.answerByteCount = answerByteCount ?? byteCount
            self.deaths = deaths
            self.topology = topology
        }

        /// Two peers behind NATs, with a link of so many bits per second; `a` has a second way out.
        package static func topology(delay: Duration = .milliseconds(25), rate: Int?, seed: UInt64) -> Topology {
            let link = LinkParameters(delay: delay, rate: rate)
            var topology = Topology.pair(.portRestricted, .portRestricted, link: link, seed: seed)
            topology.addInterface(to: "a", behind: .portRestricted, link: link.half)
            return topology
        }

        /// Deaths of every kind in turn at random moments, about so far apart.
        package static func schedule(_ count: Int, every interval: Duration, seed: UInt64, kinds: [PathDeath] = PathDeath.allCases) -> [(
            after: Duration, what: PathDeath
        )] {
            var random = SeededGenerator(seed: seed)
            var now = Duration.zero
            let order = (0..<count).map { kinds[$0 % kinds.count] }.shuffled(using: &random)
            return order.map { what in
                now += interval * Double.random(in: 0.5...1.5, using: &random)
                return (now, what)
            }
        }
    }
}
