import Bodkin
import BodkinCore
import BodkinPrediction
import BodkinSystem
import Testing

/// What is remembered of networks.
@Suite("networks that a peer was in")
struct NetworkMemoryTests {
    private static func address(_ number: UInt32) -> IPAddress { IPAddress(v4: 0xCB00_7100 + number) }

    private static func routes(_ gateway: UInt32) -> [DefaultRoute] {
        [DefaultRoute(interface: "eth0", gateway: IPAddress(v4: 0xC0A8_0000 + gateway), family: .v4, metric: 0)]
    }

    @Test("are known by their routes and the outside address, both")
    func known() {
        var memory = NetworkMemory<String>()
        memory.note("counts", by: Self.routes(1), seenAs: [Self.address(1), Self.address(3)])
        #expect(memory.finding(by: Self.routes(1), seenAs: Self.address(1)) == "counts")
        #expect(memory.finding(by: Self.routes(1), seenAs: Self.address(3)) == "counts", "one address of a pool")
        #expect(memory.finding(by: Self.routes(1), seenAs: Self.address(2)) == nil, "the same routes in another home")
        #expect(memory.finding(by: Self.routes(2), seenAs: Self.address(1)) == nil)
        #expect(memory.finding(by: [], seenAs: Self.address(1)) == nil)
    }

    @Test("are what was found there last")
    func last() {
        var memory = NetworkMemory<String>()
        memory.note("counts", by: Self.routes(1), seenAs: [Self.address(1)])
        memory.note("draws", by: Self.routes(1), seenAs: [Self.address(1)])
        #expect(memory.finding(by: Self.routes(1), seenAs: Self.address(1)) == "draws")
    }

    @Test("keep how ports were given out, but for what nothing explained, and for blocks")
    func allocations() {
        func profile(_ kind: AllocationKind) -> AllocationProfile {
            AllocationProfile(
                family: .v4, estimate: AllocationEstimate(mapping: .unknown, allocation: kind, confidence: 1, addresses: [Self.address(1)]))
        }
        var memory = NetworkMemory<AllocationProfile>()
        let drawing = profile(.random(1024...65535))
        memory.note(profile(.sequential(delta: 1)), by: Self.routes(1))
        memory.note(drawing, by: Self.routes(1))
        memory.note(profile(.unknown), by: Self.routes(1))
        memory.note(profile(.block(2048...2559)), by: Self.routes(1))
        #expect(memory.finding(by: Self.routes(1), seenAs: Self.address(1)) == drawing)
    }

    @Test("are at most eight: the one that was left alone longest is forgotten")
    func bounded() {
        var memory = NetworkMemory<UInt32>()
        for number in UInt32(1)...8 { memory.note(number, by: Self.routes(number), seenAs: [Self.address(number)]) }
        memory.note(11, by: Self.routes(1), seenAs: [Self.address(1)])
        memory.note(9, by: Self.routes(9), seenAs: [Self.address(9)])
        #expect(memory.finding(by: Self.routes(2), seenAs: Self.address(2)) == nil)
        #expect([1, 3, 9].allSatisfy { memory.finding(by: Self.routes($0), seenAs: Self.address($0)) != nil })
    }
}
