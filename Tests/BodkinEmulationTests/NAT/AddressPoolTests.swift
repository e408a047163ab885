import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Pools of external addresses (RFC 4787 section 4.1)")
struct AddressPoolTests {
    static let external = IPAddress(v4: 0xCB00_7101)
    static let further = (1...7 as ClosedRange<UInt32>).map { IPAddress(v4: 0xC612_0100 | $0) }
    static let server = Endpoint(IPAddress(v4: 0xC633_6401), 443)

    /// The external endpoints of connections from eight hosts, each from ten ports.
    static func endpoints(_ pool: AddressPool, seed: UInt64, _ change: (inout NATParameters) -> Void = { _ in }) -> [[Endpoint]] {
        var parameters = NATParameters()
        parameters.pool = pool
        change(&parameters)
        var table = NATTable(parameters, externalAddress: external, furtherAddresses: further, seed: seed)
        return (10..<18 as Range<UInt32>).map { host in
            (0..<10).compactMap { port in
                let source = Endpoint(IPAddress(v4: 0xC0A8_0100 | host), UInt16(5000 + port))
                let verdict = table.outbound(PacketSummary(Flow(.tcp, from: source, to: server), flags: .syn), at: .start)
                guard case .passed(let translation) = verdict,
                    case .passed(let back) = table.inbound(
                        PacketSummary(Flow(.tcp, from: server, to: translation.source), flags: [.syn, .ack]), at: .start), back.destination == source
                else { return nil }
                return translation.source
            }
        }
    }

    @Test("without a pool everyone has the one address", arguments: 1...20 as ClosedRange<UInt64>)
    func single(seed: UInt64) {
        let all = Self.endpoints(.single, seed: seed)
        #expect(all.allSatisfy { $0.count == 10 } && Set(all.joined().map(\.address)) == [Self.external])
    }

    @Test("a paired pool gives a host one address, and not all hosts the same", arguments: 1...20 as ClosedRange<UInt64>)
    func paired(seed: UInt64) {
        let all = Self.endpoints(.paired(8), seed: seed)
        #expect(all.allSatisfy { $0.count == 10 && Set($0.map(\.address)).count == 1 })
        #expect(Set(all.joined().map(\.address)).count > 1)
    }

    @Test("an arbitrary pool gives a host several, and uses each of them", arguments: 1...20 as ClosedRange<UInt64>)
    func arbitrary(seed: UInt64) {
        let all = Self.endpoints(.arbitrary(8), seed: seed)
        #expect(all.allSatisfy { $0.count == 10 && Set($0.map(\.address)).count > 1 })
        #expect(Set(all.joined().map(\.address)) == Set(Self.further + [Self.external]))
    }

    @Test("no more addresses are used than the pool has")
    func bounded() {
        #expect(Set(Self.endpoints(.arbitrary(3), seed: 1).joined().map(\.address)) == Set(Self.further.prefix(2) + [Self.external]))
    }

    @Test("a full address does not fill the others")
    func full() {
        let all = Self.endpoints(.arbitrary(8), seed: 3) {
            $0.tcp.allocation = .random
            $0.ports = 20_000...20_039
        }
        // 80 connections on 8 addresses of 40 ports each.
        #expect(all.joined().count == 80 && Set(all.joined()).count == 80)
    }

    @Test("one host reaches another by any address of the pool where the NAT leads back")
    func hairpin() {
        for seed in 1...UInt64(20) {
            var parameters = NATParameters()
            parameters.pool = .arbitrary(8)
            parameters.hairpin = true
            parameters.tcp.filtering = .endpointIndependent
            var table = NATTable(parameters, externalAddress: Self.external, furtherAddresses: Self.further, seed: seed)
            let (first, second) = (Endpoint(IPAddress(v4: 0xC0A8_010A), 5000), Endpoint(IPAddress(v4: 0xC0A8_010B), 6000))
            guard case .passed(let out) = table.outbound(PacketSummary(Flow(.tcp, from: first, to: Self.server), flags: .syn), at: .start) else {
                Issue.record("seed \(seed)")
                continue
            }
            let verdict = table.outbound(PacketSummary(Flow(.tcp, from: second, to: out.source), flags: .syn), at: .start)
            guard case .turnedBack(let inward) = verdict else {
                Issue.record("seed \(seed): \(verdict)")
                continue
            }
            #expect(inward.destination == first)
        }
    }

    @Test("each box of a topology has addresses of its own, which the core leads to it")
    func topology() throws {
        var topology = Topology.pair(.portRestricted, .symmetricRandom, seed: 1)
        try topology.changeBox("a:pool=arbitrary-4")
        try topology.changeBox("b:pool=paired-3")
        try topology.validate()
        #expect(topology.box("nat-a")?.furtherExternals.count == 3 && topology.box("nat-b")?.furtherExternals.count == 2)
        #expect(throws: LabError.self) { try topology.changeBox("a:pool=arbitrary") }
        try topology.changeBox("a:pool=arbitrary-17")
        #expect(throws: LabError.self) { try topology.validate() }
        try topology.changeBox("a:pool=paired-0")
        #expect(throws: LabError.self) { try topology.validate() }
    }
}
