/// A place where tasks wait until a number of them has come.
actor Assembly {
    private let count: Int
    private var arrived = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// An assembly of `count` tasks.
    init(of count: Int) { self.count = count }

    /// Counts the caller, and returns when all have come.
    func join() async {
        arrived += 1
        guard arrived < count else {
            for continuation in waiting { continuation.resume() }
            waiting = []
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }
}
