import BodkinCore
import BodkinEmulation
import Testing

@Suite("Port blocks (RFC 6888, RFC 7422)")
struct BlockAllocationTests {
    private static func bench(size: Int, isRandom: Bool = true, range: ClosedRange<UInt16> = 1024...65535, seed: UInt64 = 1) -> Bench {
        Bench(seed: seed) {
            $0.tcp.mapping = .addressAndPortDependent
            $0.tcp.allocation = .block(size: size, isRandom: isRandom)
            $0.ports = range
        }
    }

    private static func subscriber(_ number: UInt8, _ port: UInt16) -> Endpoint {
        Endpoint(IPAddress(v4: 0xC0A8_0100 + UInt32(number)), port)
    }

    @Test("all ports of a subscriber lie in one aligned block", arguments: 1...20 as ClosedRange<UInt64>)
    func inside(seed: UInt64) {
        let bench = Self.bench(size: 512, seed: seed)
        let ports = (0..<200 as Range<UInt16>).compactMap { bench.external(of: Self.subscriber(1, 5000 + $0)).map { Int($0.port) } }
        #expect(ports.count == 200)
        #expect(Set(ports.map { ($0 - 1024) / 512 }).count == 1)
    }

    @Test("in order, a block is used from its first port to its last")
    func ordered() {
        let bench = Self.bench(size: 8, isRandom: false)
        let ports = (0..<8 as Range<UInt16>).compactMap { bench.external(of: Self.subscriber(1, 5000 + $0)).map { Int($0.port) } }
        #expect(ports == (0..<8).map { ports[0] + $0 })
        #expect((ports[0] - 1024) % 8 == 0)
    }

    @Test("at random, a block's ports come in no order")
    func random() {
        let bench = Self.bench(size: 512)
        let ports = (0..<100 as Range<UInt16>).compactMap { bench.external(of: Self.subscriber(1, 5000 + $0)).map { Int($0.port) } }
        #expect(zip(ports, ports.dropFirst()).count { $1 == $0 + 1 } < 5)
    }

    @Test("a subscriber whose block is full gets nothing more, and others do")
    func full() {
        let bench = Self.bench(size: 4)
        for local in 0..<4 as Range<UInt16> { #expect(bench.send(from: Self.subscriber(1, local + 1)).isPassed) }
        #expect(bench.send(from: Self.subscriber(1, 99)).reason == .exhausted)
        #expect(bench.send(from: Self.subscriber(2, 99)).isPassed)
    }

    @Test("a port of a full block is free again when its session has ended")
    func freed() {
        let bench = Self.bench(size: 4, isRandom: false)
        for local in 0..<4 as Range<UInt16> { bench.send(from: Self.subscriber(1, local + 1)) }
        bench.wait(.seconds(240))
        #expect(bench.send(from: Self.subscriber(1, 99)).isPassed)
    }

    @Test("no two subscribers share a block, and one too many gets none")
    func exhausted() {
        let bench = Self.bench(size: 10, range: 1000...1039)
        let ports = (1...4 as ClosedRange<UInt8>).compactMap { bench.external(of: Self.subscriber($0, 5000))?.port }
        #expect(Set(ports.map { $0 / 10 }).count == 4)
        #expect(bench.send(from: Self.subscriber(5, 5000)).reason == .exhausted)
        bench.nat.reboot()
        #expect(bench.send(from: Self.subscriber(5, 5000)).isPassed)
    }

    @Test("a block of no size, of a negative one or one beyond the range still gives ports", arguments: [0, -5, 1, 100_000])
    func oddSizes(size: Int) { #expect(Self.bench(size: size).send().isPassed) }
}
