/// What two hosts behind NATs can do with nothing but plain sockets: the yardstick before any peer exists.
///
/// Each host connects from one local port to three endpoints of the server, which tells what it saw; in between the server sends it SYNs that
/// it did not ask for; then both connect to each other at the same instant.
package struct PlainExercise: Sendable, Hashable, Codable {
    /// What one host and its NAT showed.
    package struct Side: Sendable, Hashable, Codable {
        /// The local port of everything the host does.
        package var localPort: UInt16
        /// What the server's endpoints saw, in the order first address and port, first address and second port, second address; nil
        /// where no connection came about.
        package var mapped: [String?]
        /// Whether an echo came back from the server.
        package var echoed: Bool
        /// What became of an unsolicited SYN from another port of an address the host had been in contact with.
        package var fromContact: Attempt
        /// What became of an unsolicited SYN from an address the host had never been in contact with.
        package var fromStranger: Attempt
        /// How the simultaneous open went, seen from here.
        package var simultaneousOpen: Attempt?
    }

    /// How an attempt went.
    package struct Attempt: Sendable, Hashable, Codable {
        /// `connected`, `silence`, or the kernel's name for the error.
        package var outcome: String
        /// How long it took, in milliseconds.
        package var milliseconds: Double

        /// Whether it succeeded.
        package var isConnected: Bool { outcome == "connected" }
    }

    /// Host `a`.
    package var a: Side
    /// Host `b`.
    package var b: Side

    /// Whether the simultaneous open connected both.
    package var isConnected: Bool { a.simultaneousOpen?.isConnected == true && b.simultaneousOpen?.isConnected == true }
}
