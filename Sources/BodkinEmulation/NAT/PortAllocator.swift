import BodkinCore

/// Chooses external ports the way one kind of NAT does. Pure: the caller says which ports are free, and what time it is.
struct PortAllocator: Sendable {
    private let allocation: PortAllocation
    private let low: Int
    private let count: Int
    private let noise: Double
    /// The last port given, as an offset into the range.
    private var cursor: Int
    private var lastLocal: UInt16?
    private var lastNoise: LabInstant?
    /// What `preserving` adds to every local port.
    private let shift: Int
    /// The start of each internal address' block, and where a sequential block goes on.
    private var blocks: [IPAddress: (start: Int, next: Int)] = [:]
    private var takenBlocks: Set<Int> = []

    init(_ allocation: PortAllocation, ports: ClosedRange<UInt16>, noise: Double, random: inout SeededGenerator) {
        switch allocation {  // a stride beyond the range is the same as its remainder, and cannot overflow
        case .sequential(let delta): self.allocation = .sequential(delta: delta % ports.count)
        case .dependent(let delta): self.allocation = .dependent(delta: delta % ports.count)
        default: self.allocation = allocation
        }
        low = Int(ports.lowerBound)
        count = ports.count
        self.noise = noise
        cursor = Int.random(in: 0..<count, using: &random)
        shift = Int.random(in: 1..<max(count, 2), using: &random)
    }

    /// The port for a new mapping of `local`, or nil when none is to be had. Looks at each port at most once.
    mutating func allocate(
        for local: Endpoint, at now: LabInstant, random: inout SeededGenerator, isFree: (UInt16) -> Bool
    ) -> UInt16? {
        defer { lastLocal = local.port }
        switch allocation {
        case .equal:
            return isFree(local.port) ? local.port : scan(from: Int.random(in: 0..<count, using: &random), by: 1, isFree)
        case .preserving:
            return scan(from: Int(local.port) - low + shift, by: 1, isFree)
        case .sequential(let delta):
            cursor += delta * noiseCount(at: now, &random)
            return next(delta, isFree)
        case .dependent(let delta):
            let steps = noiseCount(at: now, &random)
            let isSuccessor = lastLocal.map { $0 &+ 1 == local.port } ?? false
            cursor = isSuccessor ? cursor + delta * steps : Int.random(in: 0..<count, using: &random)
            return next(delta, isFree)
        case .random:
            return scan(from: Int.random(in: 0..<count, using: &random), by: 1, isFree)
        case .block(let size, let isRandom):
            return allocateInBlock(max(1, min(size, count)), isRandom, local.address, &random, isFree)
        }
    }

    /// Forgets blocks, as a reboot does.
    mutating func releaseBlocks() {
        blocks.removeAll()
        takenBlocks.removeAll()
    }

    private mutating func next(_ delta: Int, _ isFree: (UInt16) -> Bool) -> UInt16? {
        guard let port = scan(from: cursor + delta, by: delta, isFree) else { return nil }
        cursor = Int(port) - low
        return port
    }

    /// The first free port at `start`, `start + step`, … modulo the range. A step that shares a factor with the range comes back to where
    /// it began before it has seen every port; it then goes on from the next one.
    private func scan(from start: Int, by step: Int, _ isFree: (UInt16) -> Bool) -> UInt16? {
        var offset = modulo(start, count)
        var origin = offset
        for _ in 0..<count {
            let port = UInt16(truncatingIfNeeded: low + offset)
            if isFree(port) { return port }
            offset = modulo(offset + step, count)
            guard offset == origin else { continue }
            origin = modulo(origin + 1, count)
            offset = origin
        }
        return nil
    }

    private mutating func allocateInBlock(
        _ size: Int, _ isRandom: Bool, _ subscriber: IPAddress, _ random: inout SeededGenerator, _ isFree: (UInt16) -> Bool
    ) -> UInt16? {
        guard var block = blocks[subscriber] ?? newBlock(size, &random) else { return nil }
        defer { blocks[subscriber] = block }
        let first = isRandom ? Int.random(in: 0..<size, using: &random) : block.next
        for step in 0..<size {
            let offset = (first + step) % size
            let port = UInt16(truncatingIfNeeded: low + block.start + offset)
            guard isFree(port) else { continue }
            block.next = (offset + 1) % size
            return port
        }
        return nil
    }

    private mutating func newBlock(_ size: Int, _ random: inout SeededGenerator) -> (start: Int, next: Int)? {
        let total = count / size
        let first = Int.random(in: 0..<total, using: &random)
        for step in 0..<total {
            let start = (first + step) % total * size
            if takenBlocks.insert(start).inserted { return (start, 0) }
        }
        return nil
    }

    /// How many allocations others have made since this was last asked.
    private mutating func noiseCount(at now: LabInstant, _ random: inout SeededGenerator) -> Int {
        guard noise > 0 else { return 0 }
        defer { lastNoise = now }
        guard let lastNoise, now > lastNoise else { return 0 }
        return random.poisson(mean: noise * Double(now.nanoseconds - lastNoise.nanoseconds) / 1e9)
    }
}

/// The remainder that is never negative.
private func modulo(_ value: Int, _ divisor: Int) -> Int {
    let remainder = value % divisor
    return remainder < 0 ? remainder + divisor : remainder
}
