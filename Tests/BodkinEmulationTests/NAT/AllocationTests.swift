import BodkinCore
import BodkinEmulation
import Testing

@Suite("Port allocation (RFC 4787 section 4.2)")
struct AllocationTests {
    /// The external ports of connections from these local ports of one host, in this order.
    static func ports(_ allocation: PortAllocation, from local: [UInt16], range: ClosedRange<UInt16> = 1024...65535, seed: UInt64 = 1)
        -> [Int]
    {
        let bench = Bench(seed: seed) {
            $0.tcp.allocation = allocation
            $0.ports = range
        }
        return local.compactMap { bench.external(of: Endpoint("192.168.1.10", $0)).map { Int($0.port) } }
    }

    @Test("equal keeps the local port, also one outside the range")
    func equal() { #expect(Self.ports(.equal, from: [5000, 6000, 80]) == [5000, 6000, 80]) }

    @Test("equal gives the second of two hosts that want one port a port of the range, at random", arguments: 1...20 as ClosedRange<UInt64>)
    func collision(seed: UInt64) throws {
        let bench = Bench(seed: seed) { $0.ports = 20_000...20_099 }
        #expect(bench.external(of: Bench.host)?.port == 5000)
        let second = try #require(bench.external(of: Bench.neighbour))
        #expect((20_000...20_099).contains(second.port))
    }

    @Test("equal's ports after a collision differ from seed to seed")
    func collisionIsRandom() {
        let ports = (1...50 as ClosedRange<UInt64>).map { seed in
            let bench = Bench(seed: seed)
            bench.send(from: Bench.host)
            return bench.external(of: Bench.neighbour)?.port
        }
        #expect(Set(ports).count > 45)
    }

    @Test("preserving keeps the differences of local ports, and no port itself", arguments: 1...20 as ClosedRange<UInt64>)
    func preserving(seed: UInt64) {
        let ports = Self.ports(.preserving, from: [5000, 5007, 5003], seed: seed)
        #expect(ports[0] != 5000)
        let count = 65_536 - 1024
        #expect((ports[1] - ports[0] + count) % count == 7)
        #expect((ports[2] - ports[0] + count) % count == 3)
    }

    @Test("preserving goes on to the next free port on a collision")
    func preservingCollision() throws {
        let bench = Bench { $0.tcp.allocation = .preserving }
        let first = try #require(bench.external(of: Bench.host))
        let second = try #require(bench.external(of: Bench.neighbour))
        #expect(second.port == (first.port == 65535 ? 1024 : first.port + 1))
    }

    @Test("sequential steps by delta whatever the local port", arguments: [1, 2, 3, 7, -1, -2, -5])
    func sequential(delta: Int) {
        let ports = Self.ports(.sequential(delta: delta), from: [5000, 9000, 7, 6000, 6001])
        let count = 65_536 - 1024
        #expect(ports.count == 5)
        for (earlier, later) in zip(ports, ports.dropFirst()) { #expect((later - earlier - delta) % count == 0) }
    }

    @Test("sequential wraps at both ends of its range", arguments: [1, 3, -1, -3])
    func wrap(delta: Int) {
        let ports = Self.ports(.sequential(delta: delta), from: Array(5000..<5010), range: 1000...1009)
        #expect(ports.count == 10)
        #expect(Set(ports) == Set(1000...1009))
        for (earlier, later) in zip(ports, ports.dropFirst()) { #expect((later - earlier - delta) % 10 == 0) }
    }

    @Test("sequential steps over ports in use")
    func occupied() throws {
        let bench = Bench {
            $0.tcp.allocation = .sequential(delta: 1)
            $0.ports = 1000...1003
            $0.timeouts.transitory = .seconds(10)
        }
        let first = try #require(bench.external(of: "192.168.1.10:1"))
        bench.wait(.seconds(5))
        for local in 2...3 as ClosedRange<UInt16> { bench.send(from: Endpoint("192.168.1.10", local)) }
        bench.send(from: "192.168.1.10:1")
        bench.wait(.seconds(6))
        for local in 2...3 as ClosedRange<UInt16> { bench.send(from: Endpoint("192.168.1.10", local)) }
        #expect(bench.nat.sessionCount == 3)
        let fourth = bench.external(of: "192.168.1.10:4")
        let fifth = bench.external(of: "192.168.1.10:5")
        #expect(fourth != nil && fifth == nil && fourth != first)
    }

    @Test("a stride that shares a factor with the range still reaches every port", arguments: [2, 4, -2, 5, 10, 0])
    func stride(delta: Int) {
        let ports = Self.ports(.sequential(delta: delta), from: Array(5000..<5011), range: 1000...1009)
        #expect(Set(ports) == Set(1000...1009))
        #expect(ports.count == 10)
    }

    @Test("dependent steps for consecutive local ports and jumps for others", arguments: [1, 2, -1])
    func dependent(delta: Int) {
        let ports = Self.ports(.dependent(delta: delta), from: [5000, 5001, 5002, 7000, 7001, 7001 - 10, 6992])
        let count = 65_536 - 1024
        func steps(_ index: Int) -> Bool { (ports[index] - ports[index - 1] - delta) % count == 0 }
        #expect(ports.count == 7)
        #expect(steps(1) && steps(2) && steps(4) && steps(6))
        #expect(!steps(3) && !steps(5))
    }

    @Test("random ports are spread over the whole range and never repeat")
    func random() {
        let ports = Self.ports(.random, from: Array(5000..<7000))
        #expect(Set(ports).count == 2000)
        #expect(ports.allSatisfy { (1024...65535).contains($0) })
        let quarters = Dictionary(grouping: ports) { ($0 - 1024) / 16_128 }.mapValues(\.count)
        #expect(quarters.count == 4 && quarters.values.allSatisfy { (400...600).contains($0) })
        let steps = zip(ports, ports.dropFirst()).count { abs($1 - $0) <= 2 }
        #expect(steps < 10)
    }

    @Test(
        "every allocation uses its range up to the last port, and then has none",
        arguments: [
            PortAllocation.equal, .preserving, .random, .sequential(delta: 1), .dependent(delta: 1), .block(size: 10, isRandom: true),
        ])
    func exhaustion(allocation: PortAllocation) {
        #expect(Set(Self.ports(allocation, from: Array(5000..<5010), range: 1000...1009)).count == 10)
        let count = allocation == .equal ? 11 : 10  // an equal port may lie outside the range
        #expect(Self.ports(allocation, from: Array(5000..<5011), range: 1000...1009).count == count)
    }
}
