extension NATProfile {
    /// A profile without all that tells one network from another of the same kind: no address, no port, no range, no rate. What worked for a pair of kinds can be
    /// remembered by it without remembering who it was.
    ///
    /// The textual form is stable: the same behaviour is written the same way by every version, so that it can be kept in a file.
    public struct Kind: Hashable, Sendable, Comparable, CustomStringConvertible {
        /// For example `addressAndPortDependent addressAndPortDependent sequential+1 silence nothing crossing`.
        public let description: String

        /// The kind of that textual form, as read from a file; nil for what cannot be one.
        public init?(_ text: String) {
            let words = text.split(separator: " ", omittingEmptySubsequences: false)
            let isPlain = text.utf8.allSatisfy { $0 == 0x20 || (0x2B...0x7A).contains($0) }
            guard words.count == 7, isPlain, text.utf8.count <= 200, !words.contains("") else { return nil }
            description = text
        }

        init(_ profile: NATProfile) {
            description = [
                profile.mapping.rawValue, profile.filtering.rawValue, profile.allocation.word, profile.unsolicited.rawValue,
                profile.resetLoss.rawValue,
                word(profile.acceptsSimultaneousOpen, "crossing", "no-crossing", "crossing-unknown"),
                word(profile.allowsAllPorts, "all-ports", "some-ports", "ports-unknown"),
            ].joined(separator: " ")
        }

        /// By the textual form.
        public static func < (left: Kind, right: Kind) -> Bool { left.description < right.description }
    }

    /// Its kind.
    public var kind: Kind { Kind(self) }
}

private func word(_ value: Bool?, _ yes: String, _ no: String, _ unknown: String) -> String {
    value.map { $0 ? yes : no } ?? unknown
}

extension AllocationKind {
    /// The kind with its step, without ports; of a block the next power of two of its size, since that decides how much of it may be used.
    fileprivate var word: String {
        func signed(_ delta: Int) -> String { delta < 0 ? "\(delta)" : "+\(delta)" }
        switch self {
        case .equal: return "equal"
        case .preserving: return "preserving"
        case .sequential(let delta): return "sequential\(signed(delta))"
        case .dependent(let delta): return "dependent\(signed(delta))"
        case .random: return "random"
        case .block(let range):
            var size = 1
            while size < range.count { size *= 2 }
            return "block-\(size)"
        case .unknown: return "unknown"
        }
    }
}
