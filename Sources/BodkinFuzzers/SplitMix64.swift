/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose whole state is its seed.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator whose whole sequence follows from `state`.
    package init(state: UInt64) { self.state = state }

    /// The next 64 bits of the sequence.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// A number below `bound`, which is above 0.
    package mutating func below(_ bound: UInt64) -> UInt64 { next() % Swift.max(bound, 1) }

    /// True once in `times`.
    package mutating func chance(_ times: UInt64) -> Bool { below(times) == 0 }
}
