/// SplitMix64 (Steele, Lea and Flood 2014): a small generator whose whole state is its seed, with the same sequence on every platform.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    @usableFromInline package var state: UInt64

    /// A generator whose whole sequence follows from `state`.
    @inlinable package init(state: UInt64) { self.state = state }

    /// The next 64 bits of the sequence.
    @inlinable package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
