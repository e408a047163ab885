/// 16 random bytes that name something. They are kept in place, because every message of a circuit is looked up by some.
package protocol RandomIdentifier: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes in network byte order.
    var high: UInt64 { get }
    /// The last eight bytes in network byte order.
    var low: UInt64 { get }

    /// An identifier from its halves.
    init(high: UInt64, low: UInt64)
}

extension RandomIdentifier {
    /// An identifier from its bytes; nil unless there are 16.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        func half(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: half(bytes.prefix(8)), low: half(bytes.dropFirst(8)))
    }

    /// A new identifier.
    package static func random() -> Self {
        var generator = SystemRandomNumberGenerator()
        return Self(high: generator.next(), low: generator.next())
    }

    /// The 16 bytes.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<16 { buffer[index] = UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> (56 - 8 * (index % 8))) }
            count = 16
        }
    }

    /// Lower-case hexadecimal, 32 characters.
    package var description: String { bytes.hexadecimal }
}
