import BodkinCore
import BodkinEmulation
import Testing

@Suite("Background noise")
struct BackgroundNoiseTests {
    private static func bench(_ allocation: PortAllocation, noise: Double, seed: UInt64) -> Bench {
        Bench(seed: seed) {
            $0.both { $0.allocation = allocation }
            $0.backgroundNoise = noise
        }
    }

    /// How many steps of `delta` lie between two allocations `time` apart.
    private static func shift(_ delta: Int, noise: Double, after time: Duration, seed: UInt64) throws -> Int {
        let bench = bench(.sequential(delta: delta), noise: noise, seed: seed)
        let first = Int(try #require(bench.external(of: "192.168.1.10:1")).port)
        bench.wait(time)
        let second = Int(try #require(bench.external(of: "192.168.1.10:2")).port)
        let count = 65_536 - 1024
        let distance = delta > 0 ? (second - first + count) % count : (first - second + count) % count
        #expect(distance % abs(delta) == 0)
        return distance / abs(delta) - 1
    }

    @Test("noise shifts a sequence forward, on average by rate times time", arguments: [1, 2, -3])
    func mean(delta: Int) throws {
        let shifts = try (0..<200 as Range<UInt64>).map { try Self.shift(delta, noise: 20, after: .seconds(1), seed: $0) }
        let mean = Double(shifts.reduce(0, +)) / 200
        let variance = shifts.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 199
        #expect((19...21).contains(mean), "mean \(mean)")  // a standard error is 0.32
        #expect((14...27).contains(variance), "variance \(variance)")  // Poisson: as large as the mean
    }

    @Test("no time, no noise")
    func still() throws { #expect(try Self.shift(1, noise: 1000, after: .zero, seed: 1) == 0) }

    @Test("without noise nothing shifts however long one waits")
    func quiet() throws { #expect(try Self.shift(1, noise: 0, after: .seconds(200), seed: 1) == 0) }

    @Test("each transport has its own noise")
    func apart() throws {
        let bench = Self.bench(.sequential(delta: 1), noise: 20, seed: 3)
        bench.send()
        let first = try #require(bench.external(over: .udp))
        bench.send(from: "192.168.1.10:6")
        let second = try #require(bench.external(of: "192.168.1.10:6", over: .udp))
        #expect(second.port == first.port + 1)
    }

    @Test("noise falls between the steps of a dependent sequence")
    func dependent() throws {
        let shifts = try (0..<50 as Range<UInt64>).map { seed in
            let bench = Self.bench(.dependent(delta: 1), noise: 20, seed: seed)
            let first = Int(try #require(bench.external(of: "192.168.1.10:1")).port)
            bench.wait(.seconds(1))
            let second = Int(try #require(bench.external(of: "192.168.1.10:2")).port)
            return (second - first + 64_512) % 64_512 - 1
        }
        let mean = Double(shifts.reduce(0, +)) / 50
        #expect((17...23).contains(mean), "mean \(mean)")
    }
}
