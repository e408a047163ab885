import BodkinCore
import BodkinNATLab

/// The time of a packet through a ``NATTable`` of various sizes.
enum TableBenchmark {
    static let seed: UInt64 = 1

    static func run() {
        print("NAT table, ns per packet (outbound and inbound of established TCP sessions in random order), target: flat")
        for preset in [NATPreset.firewall, .masquerade] {
            for count in [10, 1_000, 100_000] {
                let figures = (0..<5).map { _ in nanosecondsPerPacket(preset, count) }.sorted()
                print("  \(preset.rawValue), \(count) mappings: median \(Int(figures[2])), least \(Int(figures[0]))")
            }
        }
    }

    private static func nanosecondsPerPacket(_ preset: NATPreset, _ count: Int) -> Double {
        var parameters = preset.layers[0]
        parameters.tableSize = 200_000
        var table = NATTable(parameters, externalAddress: IPAddress(v4: 0xCB00_7101), seed: seed)
        var packets: [(out: PacketSummary, in: PacketSummary)] = []
        // One address has ports for 64 512 mappings: a firewall needs none, and masquerading shares each port among remotes.
        for index in 0..<count {
            let local = Endpoint(IPAddress(v4: 0xC0A8_0002 + UInt32(index / 60_000)), UInt16(1024 + index % 60_000))
            let remote = Endpoint(IPAddress(v4: 0xC633_6401 + UInt32(index / 60_000)), 443)
            let flow = Flow(.tcp, from: local, to: remote)
            guard case .passed(let out) = table.outbound(PacketSummary(flow, flags: .syn), at: .start) else { continue }
            let back = Flow(.tcp, from: remote, to: out.source)
            _ = table.inbound(PacketSummary(back, flags: [.syn, .ack]), at: .start)
            packets.append((PacketSummary(flow, flags: .ack), PacketSummary(back, flags: .ack)))
        }
        precondition(packets.count == count, "the table took only \(packets.count) of \(count)")
        var random = SeededGenerator(seed: seed)
        packets.shuffle(using: &random)
        let total = 400_000
        var passed = 0
        let start = Lab.now
        for index in 0..<(total / 2) {
            let pair = packets[index % packets.count]
            let now = LabInstant(nanoseconds: Int64(index) * 1000)
            if case .passed = table.outbound(pair.out, at: now) { passed += 1 }
            if case .passed = table.inbound(pair.in, at: now) { passed += 1 }
        }
        let elapsed = Lab.now.since(start)
        precondition(passed == total, "a packet of an established session was refused")
        return elapsed.milliseconds * 1e6 / Double(total)
    }
}
