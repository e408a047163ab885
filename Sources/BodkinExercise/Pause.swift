package import BodkinEmulation

/// The time without a byte that a live conversation has when something happens to the path under it: one side says a line every tenth of a second, and the other
/// one echoes it.
package struct Pause: Sendable {
    /// What happens to one side.
    package enum Incident: String, Sendable, CaseIterable {
        /// Its NAT forgets everything.
        case reboot
        /// Its NAT gets another outside address, and forgets everything.
        case address = "address change"
        /// Nothing leaves it for a while.
        case silenceUp = "blackhole, outwards"
        /// Nothing reaches it for a while.
        case silenceDown = "blackhole, inwards"
        /// A forged RST on its link ends the path at both ends.
        case reset = "injected RST"

        /// How long no byte can pass whatever the peers do.
        package var outage: Duration { self == .silenceUp || self == .silenceDown ? Self.silence : .zero }
        static let silence = Duration.seconds(5)
    }

    /// Which side.
    package enum Side: String, Sendable, CaseIterable {
        case dialer, called

        /// Its host in the lab.
        var host: String { self == .dialer ? "a" : "b" }
    }

    /// What was asked for.
    package struct Settings: Sendable {
        /// The NATs of the dialer and of the called side.
        package var near: NATPreset, far: NATPreset
        /// What happens two seconds after the first line.
        package var incident: Incident
        /// Whose network it happens to.
        package var side: Side
        /// Who says the lines; the other side echoes them.
        package var writer: Side
        /// The lab's seed.
        package var seed: UInt64
        /// The one-way delay between any two hosts.
        package var delay: Duration

        /// Settings from their parts.
        package init(
            _ near: NATPreset, _ far: NATPreset, _ incident: Incident, _ side: Side, writer: Side = .dialer, delay: Duration = .milliseconds(25),
            seed: UInt64
        ) {
            (self.near, self.far, self.incident, self.side, self.writer) = (near, far, incident, side, writer)
            (self.delay, self.seed) = (delay, seed)
        }
    }

    /// The longest time between two lines that came back.
    package var longest = Duration.zero
    /// Whether the first dial had led to a direct path.
    package var wasDirect = false
    /// From the end of the outage until both sides are on a direct path; nil where they did not get there in time.
    package var directAfter: Duration?
    /// Whether each line has come back once, in its order.
    package var isWhole = true
}
