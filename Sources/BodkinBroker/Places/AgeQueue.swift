import DequeModule

/// Elements in the order of their age. Removing any of them takes constant time on average.
struct AgeQueue<Element: Hashable & Sendable>: Sendable {
    private var order = Deque<(element: Element, number: UInt64)>()
    /// The number of each element's present entry in `order`; an entry with another number is stale.
    private var members: [Element: UInt64] = [:]
    private var number: UInt64 = 0

    var count: Int { members.count }

    /// The oldest.
    var first: Element? { order.first?.element }

    /// Adds an element behind the others, unless it is there.
    mutating func append(_ element: Element) {
        guard members[element] == nil else { return }
        number += 1
        members[element] = number
        order.append((element, number))
    }

    /// Removes an element, wherever it is.
    mutating func remove(_ element: Element) {
        guard members.removeValue(forKey: element) != nil else { return }
        while let first = order.first, members[first.element] != first.number { order.removeFirst() }
        // Stale entries take no more room than present ones.
        if order.count > 2 * members.count + 16 { order.removeAll { members[$0.element] != $0.number } }
    }
}
