import HeapModule

/// The deadlines of sessions, soonest first.
///
/// An entry may be too early: its owner then puts it back with the deadline that holds by now, so that refreshing a session costs nothing here.
struct ExpiryQueue: Sendable {
    struct Entry: Comparable, Sendable {
        var deadline: LabInstant
        var session: Int
        /// Tells a session from another that took over its slot.
        var serial: UInt64

        static func < (left: Self, right: Self) -> Bool {
            (left.deadline.nanoseconds, left.serial) < (right.deadline.nanoseconds, right.serial)
        }
    }

    private var entries = Heap<Entry>()

    mutating func insert(_ entry: Entry) { entries.insert(entry) }

    /// Removes and returns an entry whose deadline has come.
    mutating func popDue(at now: LabInstant) -> Entry? {
        guard let first = entries.min, first.deadline <= now else { return nil }
        return entries.popMin()
    }
}
