internal import CBodkinSystem

/// The memory that a process has freed, and that its allocator keeps.
package enum FreedMemory {
    /// Gives it back to the system, where the allocator does not do so by itself: glibc keeps whatever lies below a block that is still used. Takes some milliseconds.
    package static func giveBack() { bodkin_give_back_memory() }
}
