/// Which process of an identity: 16 random bytes that live as long as the process. Sessions belong to a peer and an instance of it.
public struct InstanceID: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    public let bytes: [UInt8]

    /// An instance from its bytes; nil unless there are 16.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    /// A new instance.
    public static func random() -> InstanceID { InstanceID(random: SystemRandomNumberGenerator()) }

    private init(random generator: SystemRandomNumberGenerator) {
        var generator = generator
        bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// Lower-case hexadecimal, 32 characters.
    public var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
