/// Values under small integer names that stay the same until the value is removed.
struct SlotMap<Value: Sendable>: Sendable {
    private var slots: ContiguousArray<Value?> = []
    private var free: ContiguousArray<Int> = []
    private(set) var count = 0

    /// Stores a value and returns its name.
    mutating func insert(_ value: Value) -> Int {
        count += 1
        if let index = free.popLast() {
            slots[index] = value
            return index
        }
        slots.append(value)
        return slots.count - 1
    }

    /// Removes the value; its name may be given to another.
    mutating func remove(_ index: Int) {
        guard slots.indices.contains(index), slots[index] != nil else { return }
        slots[index] = nil
        free.append(index)
        count -= 1
    }

    /// The value of that name, or nil.
    subscript(index: Int) -> Value? {
        get { slots.indices.contains(index) ? slots[index] : nil }
        _modify {
            precondition(slots.indices.contains(index))
            yield &slots[index]
        }
    }

    /// All values.
    var values: some Sequence<Value> { slots.lazy.compactMap { $0 } }
}
