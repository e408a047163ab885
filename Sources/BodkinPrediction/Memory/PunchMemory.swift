public import BodkinCore

/// What has led to direct paths before, for each pair of kinds of networks: by no address, no port and no peer.
///
/// ```swift
/// var memory = PunchMemory()
/// memory.note(Precedent(.predicted, isBurstFirst: false, round: 1, day: today), own: own.kind, far: far.kind)
/// print(memory.precedent(own: own.kind, far: far.kind) ?? "nothing known")
/// ```
public struct PunchMemory: Hashable, Sendable {
    /// Our kind of network, and the far side's.
    struct Pair: Hashable, Sendable {
        var own: NATProfile.Kind
        var far: NATProfile.Kind
    }

    /// The most pairs that are remembered; beyond that the one that was of use longest ago is forgotten.
    public static let limit = 256

    /// The latest last.
    private(set) var entries: [(pair: Pair, precedent: Precedent)] = []

    /// Nothing is remembered.
    public init() {}

    /// How many pairs are remembered.
    public var count: Int { entries.count }

    /// What has worked between the two; nil where nothing is known.
    public func precedent(own: NATProfile.Kind, far: NATProfile.Kind) -> Precedent? {
        entries.first { $0.pair == Pair(own: own, far: far) }?.precedent
    }

    /// This has worked: it takes the place of what did before. Returns whether it is news.
    @discardableResult public mutating func note(_ precedent: Precedent, own: NATProfile.Kind, far: NATProfile.Kind) -> Bool {
        let isNews = self.precedent(own: own, far: far) != precedent
        forget(own: own, far: far)
        entries.append((Pair(own: own, far: far), precedent))
        if entries.count > Self.limit { entries.removeFirst(entries.count - Self.limit) }
        return isNews
    }

    /// What has worked between the two works no more. Returns whether anything was known.
    @discardableResult public mutating func forget(own: NATProfile.Kind, far: NATProfile.Kind) -> Bool {
        let count = entries.count
        entries.removeAll { $0.pair == Pair(own: own, far: far) }
        return entries.count < count
    }

    /// Whether both remember the same, in the same order.
    public static func == (left: PunchMemory, right: PunchMemory) -> Bool {
        left.entries.elementsEqual(right.entries) { $0.pair == $1.pair && $0.precedent == $1.precedent }
    }

    /// By the number of pairs.
    public func hash(into hasher: inout Hasher) { hasher.combine(entries.count) }
}
