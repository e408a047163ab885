import BodkinCore
import BodkinNATLab

/// The time of a packet through a ``NATTable`` of various sizes.
enum TableBenchmark {
    static let seed: UInt64 = 1

    static func run() {
        print("NAT table, ns per packet, outbound and inbound in turn, of established TCP sessions; target: flat")
        for preset in [NATPreset.firewall, .masquerade] {
            for count in [10, 1_000, 100_000] {
                // In random order every packet is of another session: beyond the processor's caches that is the speed of memory.
                let figures = [1, 16].map { train in (0..<5).map { _ in nanosecondsPerPacket(preset, count, train) }.sorted() }
                print(
                    "  \(preset.rawValue), \(count) mappings: trains of 32 packets a session median \(Int(figures[1][2])), least \(Int(figures[1][0]));",
                    "2 packets a session median \(Int(figures[0][2])), least \(Int(figures[0][0]))")
            }
        }
    }

    private static func nanosecondsPerPacket(_ preset: NATPreset, _ count: Int, _ train: Int) -> Double {
        var parameters = preset.layers[0]
        parameters.tableSize = 200_000
        var table = NATTable(parameters, externalAddress: IPAddress(v4: 0xCB00_7101), seed: seed)
        // One address has ports for 64 512 mappings: a firewall needs none, and masquerading shares each port among remotes.
        func flow(_ index: Int) -> Flow {
            let local = Endpoint(IPAddress(v4: 0xC0A8_0002 + UInt32(index / 60_000)), UInt16(1024 + index % 60_000))
            return Flow(.tcp, from: local, to: Endpoint(IPAddress(v4: 0xC633_6401 + UInt32(index / 60_000)), 443))
        }
        var externals: [Endpoint] = []
        for index in 0..<count {
            guard case .passed(let out) = table.outbound(PacketSummary(flow(index), flags: .syn), at: .start) else { break }
            let back = Flow(.tcp, from: flow(index).destination, to: out.source)
            _ = table.inbound(PacketSummary(back, flags: [.syn, .ack]), at: .start)
            externals.append(out.source)
        }
        precondition(externals.count == count, "the table took only \(externals.count) of \(count)")
        // Packets are made as they are needed: a list of them would be larger than the table, and its misses would count as the table's.
        var order = Array(0..<Int32(count))
        var random = SeededGenerator(seed: seed)
        order.shuffle(using: &random)
        let total = 1_600_000
        var passed = 0
        let start = Lab.now
        for step in 0..<(total / 2) {
            let index = Int(order[step / train % count])
            let flow = flow(index)
            let now = LabInstant(nanoseconds: Int64(step) * 1000)
            if case .passed = table.outbound(PacketSummary(flow, flags: .ack), at: now) { passed += 1 }
            let back = Flow(.tcp, from: flow.destination, to: externals[index])
            if case .passed = table.inbound(PacketSummary(back, flags: .ack), at: now) { passed += 1 }
        }
        precondition(passed == total, "a packet of an established session was refused")
        let elapsed = Lab.now.since(start)
        return elapsed.milliseconds * 1e6 / Double(total)
    }
}
