import BodkinCore

/// One conversation through a NAT: an internal and a remote endpoint, and the external endpoint between them.
struct NATSession: Sendable {
    var inside: Flow
    var external: Endpoint
    var mapping: Int
    /// When it ends unless something passes.
    var deadline: LabInstant
    /// The earliest deadline of this session in the expiry queue, so that only an earlier one is queued again.
    var queued = LabInstant(nanoseconds: .max)
    let serial: UInt64
    var tcp = TCPProgress()
    /// Whether the inside host sent first. Only who opened a connection opens it anew after an RST or both FINs, or the inside.
    let startedInside: Bool
    /// Whether the inside has sent; only then does the remote count as a contact for address-dependent filtering.
    var isContact = false
    /// When an RST from outside ends it, whatever passes until then.
    var doomedAt: LabInstant?

    /// The flow of packets that come from outside.
    var outside: Flow { Flow(inside.transport, from: inside.destination, to: external) }
}

/// The part of a TCP connection's life that decides how long a NAT keeps it (RFC 5382 section 5, RFC 7857 section 2).
struct TCPProgress: Sendable, Hashable {
    private var synInside = false
    private var synOutside = false
    private var ackInside = false
    private var ackOutside = false
    private var finInside = false
    private var finOutside = false
    private(set) var wasReset = false

    /// A connection whose beginning was not seen.
    static let midstream: TCPProgress = {
        var progress = TCPProgress()
        progress.synInside = true
        progress.synOutside = true
        return progress
    }()

    /// Whether both sides have synchronised and acknowledged, and neither both FINs nor an RST from inside have passed.
    var isEstablished: Bool { synInside && synOutside && ackInside && ackOutside && !isClosing && !wasReset }

    /// Whether both sides have finished.
    var isClosing: Bool { finInside && finOutside }

    /// Whether only the inside has asked so far, and nothing has come back.
    var awaitsAnswer: Bool { synInside && !synOutside }

    /// Notes a segment from inside.
    mutating func sawInside(_ flags: TCPFlags) {
        if flags.contains(.syn) && !flags.contains(.ack) && (isClosing || wasReset || isEstablished) { self = TCPProgress() }
        if flags.contains(.syn) { synInside = true }
        if flags.contains(.ack) { ackInside = true }
        if flags.contains(.fin) { finInside = true }
        if flags.contains(.rst) { reset() }
    }

    /// Notes an RST that ends the session.
    mutating func reset() { wasReset = true }

    /// Notes a segment from outside; `isOpener` says that the connection was opened from there.
    mutating func sawOutside(_ flags: TCPFlags, isOpener: Bool) {
        if isOpener && flags.contains(.syn) && !flags.contains(.ack) && (isClosing || wasReset) { self = TCPProgress() }
        if flags.contains(.syn) { synOutside = true }
        if flags.contains(.ack) { ackOutside = true }
        if flags.contains(.fin) { finOutside = true }
    }
}

/// An external endpoint held for an internal one, as wide as the mapping behaviour says.
struct NATMapping: Sendable {
    /// The internal endpoint as source, the remote it is for as destination (zeros where it is for all).
    var key: Flow
    var external: Endpoint
    var sessions: Set<Int> = []
    /// How many sessions the inside has sent on towards each address; kept only for address-dependent filtering.
    var contacts: [IPAddress: Int] = [:]
}
