import BodkinCore
import BodkinPrediction
import BodkinSystem
import Testing

@testable import Bodkin

/// What is remembered of networks.
@Suite("networks that a peer was in")
struct AllocationMemoryTests {
    private static func address(_ number: UInt32) -> IPAddress { IPAddress(v4: 0xCB00_7100 + number) }

    private static func routes(_ gateway: UInt32) -> [DefaultRoute] {
        [DefaultRoute(interface: "eth0", gateway: IPAddress(v4: 0xC0A8_0000 + gateway), family: .v4, metric: 0)]
    }

    private static func profile(_ kind: AllocationKind, _ outside: UInt32) -> AllocationProfile {
        let estimate = AllocationEstimate(mapping: .unknown, allocation: kind, confidence: 1, addresses: [address(outside)])
        return AllocationProfile(family: .v4, estimate: estimate)
    }

    @Test("are known by their routes and the outside address, both")
    func known() {
        var memory = AllocationMemory()
        let counting = Self.profile(.sequential(delta: 1), 1)
        memory.note(counting, by: Self.routes(1))
        #expect(memory.profile(by: Self.routes(1), seenAs: Self.address(1)) == counting)
        #expect(memory.profile(by: Self.routes(1), seenAs: Self.address(2)) == nil, "the same routes in another home")
        #expect(memory.profile(by: Self.routes(2), seenAs: Self.address(1)) == nil)
        #expect(memory.profile(by: [], seenAs: Self.address(1)) == nil)
    }

    @Test("are what was found there last, but for what nothing explained, and for blocks")
    func last() {
        var memory = AllocationMemory()
        let drawing = Self.profile(.random(1024...65535), 1)
        memory.note(Self.profile(.sequential(delta: 1), 1), by: Self.routes(1))
        memory.note(drawing, by: Self.routes(1))
        memory.note(Self.profile(.unknown, 1), by: Self.routes(1))
        memory.note(Self.profile(.block(2048...2559), 1), by: Self.routes(1))
        #expect(memory.profile(by: Self.routes(1), seenAs: Self.address(1)) == drawing)
    }

    @Test("are at most eight: the one that was left alone longest is forgotten")
    func bounded() {
        var memory = AllocationMemory()
        for number in 1...8 { memory.note(Self.profile(.sequential(delta: 1), UInt32(number)), by: Self.routes(UInt32(number))) }
        memory.note(Self.profile(.sequential(delta: 2), 1), by: Self.routes(1))
        memory.note(Self.profile(.sequential(delta: 1), 9), by: Self.routes(9))
        #expect(memory.profile(by: Self.routes(2), seenAs: Self.address(2)) == nil)
        #expect([1, 3, 9].allSatisfy { memory.profile(by: Self.routes($0), seenAs: Self.address($0)) != nil })
    }
}
