import DequeModule

/// Connections in the order of their age. Removing any of them takes constant time on average.
struct AgeQueue: Sendable {
    private var order = Deque<PlaceID>()
    private var members: Set<PlaceID> = []

    var count: Int { members.count }

    /// The oldest.
    var first: PlaceID? { order.first }

    /// Adds a connection behind the others.
    mutating func append(_ id: PlaceID) { if members.insert(id).inserted { order.append(id) } }

    /// Takes a connection out, wherever it is.
    mutating func remove(_ id: PlaceID) {
        guard members.remove(id) != nil else { return }
        while let first = order.first, !members.contains(first) { order.removeFirst() }
        // Those that left from the middle take no more room than those that are there.
        if order.count > 2 * members.count + 16 { order.removeAll { !members.contains($0) } }
    }
}
