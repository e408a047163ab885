import Crypto

/// A token that admits peers to a rendezvous server: 16 to 64 bytes that are in its URL.
public struct JoinToken: Sendable, Hashable {
    /// The bytes.
    public let bytes: [UInt8]

    /// A token from its bytes; nil unless there are 16 to 64: fewer can be guessed.
    public init?(bytes: some Collection<UInt8>) {
        guard (16...64).contains(bytes.count) else { return nil }
        self.bytes = Array(bytes)
    }

    private init(random count: Int) { bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) } }

    /// A new token of 16 random bytes.
    public static func random() -> JoinToken { JoinToken(random: 16) }

    /// Whether `other` is this token; the time that it takes says nothing about either.
    func matches(_ other: some Sequence<UInt8>) -> Bool { SHA256.hash(data: bytes) == SHA256.hash(data: Array(other)) }
}
