package import BodkinCore

/// A list of public keys that takes 32 bytes for each, whatever its length. Looking one up takes ten comparisons in a thousand.
package struct KeyList: Sendable, Equatable {
    private static let width = 32
    /// The keys, sorted, one behind the other.
    private let bytes: [UInt8]

    /// The keys of these peers.
    package init(_ peers: some Sequence<PeerID>) {
        var bytes: [UInt8] = []
        var last: PeerID?
        for peer in peers.sorted() where peer != last {
            bytes += peer.publicKey
            last = peer
        }
        self.bytes = bytes
    }

    /// The memory that the list takes.
    package var byteCount: Int { bytes.count }

    /// Whether the key is listed.
    package func contains(_ peer: PeerID) -> Bool {
        var range = 0..<bytes.count / Self.width
        while !range.isEmpty {
            let middle = (range.lowerBound + range.upperBound) / 2
            let key = bytes[middle * Self.width..<(middle + 1) * Self.width]
            if key.elementsEqual(peer.publicKey) { return true }
            range = key.lexicographicallyPrecedes(peer.publicKey) ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return false
    }
}
