package import BodkinCore

extension SplitMix64 {
    /// A number below `bound`, which is above 0.
    package mutating func below(_ bound: UInt64) -> UInt64 { next() % Swift.max(bound, 1) }

    /// True once in `times`.
    package mutating func chance(_ times: UInt64) -> Bool { below(times) == 0 }
}
