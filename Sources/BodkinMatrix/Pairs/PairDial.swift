/// One dial between two networks. In JSON it is an array in the order of ``columns``.
struct PairDial: Codable, Sendable, Hashable {
    var seed: UInt64
    /// Which of the two networks the dialer stands behind: every other dial goes the other way.
    var dialer: Side
    /// How the two are connected in the end; nil where they are not.
    var route: String?
    /// The first byte at the far application, in milliseconds from the dial.
    var farByte: Double?
    /// The first byte there that came by the direct path.
    var directByte: Double?
    /// Rounds of prediction.
    var rounds: Int
    /// The most SYNs that one side has sent in a round of prediction.
    var probes: Int
    /// The dialer's SYNs in all.
    var shots: Int
    /// Packets that both hosts and the server have sent.
    var packets: Int
    /// Why it is relayed, where it is.
    var verdict: String?
    /// Why there is no connection, where there is none.
    var failure: String?

    enum Side: String, Codable, Sendable { case a, b }

    static let columns = ["seed", "dialer", "route", "farByte", "directByte", "rounds", "probes", "shots", "packets", "verdict", "failure"]

    init(seed: UInt64, dialer: Side, rounds: Int = 0, probes: Int = 0, shots: Int = 0, packets: Int = 0) {
        (self.seed, self.dialer, self.rounds, self.probes, self.shots, self.packets) = (seed, dialer, rounds, probes, shots, packets)
    }

    init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        func optional<Value: Decodable>(_: Value.Type) throws -> Value? { try values.decodeNil() ? nil : values.decode(Value.self) }
        seed = try values.decode(UInt64.self)
        dialer = try values.decode(Side.self)
        route = try optional(String.self)
        farByte = try optional(Double.self)
        directByte = try optional(Double.self)
        rounds = try values.decode(Int.self)
        probes = try values.decode(Int.self)
        shots = try values.decode(Int.self)
        packets = try values.decode(Int.self)
        verdict = try optional(String.self)
        failure = try optional(String.self)
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        /// A hundredth of a millisecond is far below what one dial differs from the next.
        func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
        func encode(_ value: (some Encodable)?) throws { if let value { try values.encode(value) } else { try values.encodeNil() } }
        try encode(seed)
        try encode(dialer)
        try encode(route)
        try encode(farByte.map(rounded))
        try encode(directByte.map(rounded))
        try encode(rounds)
        try encode(probes)
        try encode(shots)
        try encode(packets)
        try encode(verdict)
        try encode(failure)
    }
}
