import BodkinCore
import BodkinPrediction

@testable import BodkinEmulation

/// The lab's counting allocator, by itself.
struct Counter {
    private var allocator: PortAllocator
    private var random: SeededGenerator
    private var taken: Set<UInt16> = []

    init(delta: Int, noise: Double, range: ClosedRange<UInt16> = 1024...65_535, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        allocator = PortAllocator(.sequential(delta: delta), ports: range, noise: noise, random: &random)
    }

    mutating func next(at time: Duration) -> UInt16? {
        let taken = taken
        let port = allocator.allocate(for: "192.168.1.10:5000", at: .start.advanced(by: time), random: &random) { !taken.contains($0) }
        if let port { self.taken.insert(port) }
        return port
    }
}

extension PortForecast {
    /// A sample that the allocator has just given.
    static func sample(local: UInt16 = 40_000, _ port: UInt16) -> AllocationSample {
        AllocationSample(
            localPort: local, destination: SimulatedNetwork.servers[0], external: Endpoint(SimulatedNetwork.external, port), sent: .zero,
            answered: .milliseconds(50))
    }

    /// What a peer tells of its ports right after a sample.
    init(after sample: AllocationSample, _ kind: AllocationKind, noise: NoiseEstimate?, within time: Duration) {
        let estimate = AllocationEstimate(allocation: kind, noise: noise)
        self.init(address: sample.external.address, port: sample.external.port, ports: Ports(estimate, within: time, ofBlock: 0))
    }
}
