import BodkinCore
package import BodkinEmulation

/// Drives the reading of packets, NAT tables and an emulated network with random packets, good and bad, and checks what must always hold.
///
/// ```swift
/// let counts = PacketFuzzer.run(count: 100_000, seed: 1)
/// print(counts)
/// ```
///
/// Everything follows from the seed, so a number that a run reports is enough to see a fault again. A trap ends the process, as it should.
package struct PacketFuzzer {
    /// What happened in a run; each number but ``violationCount`` must be large, or the run has shown nothing.
    package struct Counts: Sendable, Hashable, CustomStringConvertible {
        /// Byte strings made.
        package var made = 0
        /// Those that were changed or random.
        package var mutated = 0
        /// Those that were read as a packet.
        package var parsed = 0
        /// Those that were read as an ICMP error.
        package var errors = 0
        /// Those that were read as a fragment.
        package var fragments = 0
        /// Verdicts of tables that let a packet pass.
        package var passed = 0
        /// Verdicts of tables that turned a packet back.
        package var turnedBack = 0
        /// Verdicts of tables that refused a packet, by reason.
        package var refused: [NATVerdict.Reason: Int] = [:]
        /// Packets that came out of the networks.
        package var delivered = 0
        /// Those with endpoints rewritten, or made by a box, whose checksums were verified.
        package var verified = 0
        /// Faults applied.
        package var faults = 0
        /// Things that must never happen and did.
        package var violationCount = 0
        /// The first of them, with the number of the packet and its bytes.
        package var violations: [String] = []

        /// All counts on a few lines.
        package var description: String {
            let reasons = NATVerdict.Reason.allCases.map { "\($0.rawValue) \(refused[$0] ?? 0)" }.joined(separator: ", ")
            return """
                made \(made), mutated \(mutated), parsed \(parsed) (errors \(errors), fragments \(fragments))
                tables: passed \(passed), turned back \(turnedBack), refused: \(reasons)
                networks: delivered \(delivered), checksums verified \(verified), faults \(faults)
                violations \(violationCount)\(violations.map { "\n  " + $0 }.joined())
                """
        }
    }

    /// Makes `count` byte strings from `seed` and sends each through everything.
    package static func run(count: Int, seed: UInt64) -> Counts {
        var fuzzer = PacketFuzzer(seed: seed)
        for _ in 0..<max(count, 0) { fuzzer.step() }
        fuzzer.auditTables()
        return fuzzer.counts
    }

    var counts = Counts()
    private var random: SeededGenerator
    private var generator: PacketGenerator
    private var tables: [NATTable]
    private var networks: FuzzedNetworks
    private var now = LabInstant.start
    /// The most violations described.
    private static let limit = 16

    private init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        generator = PacketGenerator(seed: random.next())
        tables = Self.parameters.map { NATTable($0, externalAddress: PacketGenerator.external, seed: seed) }
        networks = FuzzedNetworks(seed: random.next())
    }

    /// Every preset's boxes, and a few that no preset has; small, so that they fill.
    private static var parameters: [NATParameters] {
        let presets = NATPreset.allCases.flatMap(\.layers)
        var odd = NATParameters()
        odd.hairpin = true
        odd.acceptsSimultaneousOpen = false
        odd.resetEffect = .mapping(after: .seconds(1))
        odd.tcp.filtering = .addressDependent
        odd.udp.filtering = .endpointIndependent
        var small = odd
        small.tcp.mapping = .addressDependent
        small.udp.mapping = .addressDependent
        small.midstream = .adopt
        small.tableSize = 20
        small.ports = 1000...1015
        return (presets + [odd, small]).map {
            var parameters = $0
            parameters.tableSize = min(parameters.tableSize, 2000)
            return parameters
        }
    }

    private mutating func step() {
        counts.made += 1
        now = now.advanced(by: .nanoseconds(Int64.random(in: 0...20_000_000, using: &random)))
        let (bytes, isMutated) = generator.next()
        if isMutated { counts.mutated += 1 }
        guard let packet = Packet(bytes) else { return }
        counts.parsed += 1
        if packet.quoted != nil { counts.errors += 1 }
        if packet.header.fragment != nil { counts.fragments += 1 }
        check(packet.count <= bytes.count && bytes.starts(with: packet.bytes), packet, "a packet is no prefix of its bytes")
        check(Packet(packet.bytes)?.summary == packet.summary, packet, "a packet does not read the same again")
        judge(packet)
        let outcome = networks.pass(packet, at: now, &random)
        counts.delivered += outcome.delivered.count
        counts.verified += outcome.verified
        counts.faults += outcome.faults
        for delivered in outcome.delivered { generator.remember(delivered) }
        for wrong in outcome.wrong { check(false, wrong, "a packet came out of a network with a wrong checksum, or reads differently") }
        if counts.made % 4096 == 0 { auditTables() }
    }

    /// Through one table, one way, and rewritten by its verdict.
    private mutating func judge(_ packet: Packet) {
        // The last two, which no preset is like, as often as a third of the others.
        let isOdd = Int.random(in: 0..<4, using: &random) == 0
        let index = isOdd ? tables.count - Int.random(in: 1...2, using: &random) : Int.random(in: tables.indices, using: &random)
        let isOutward = Int.random(in: 0..<8, using: &random) < (PacketGenerator.isInside(packet.summary.flow.source.address) ? 7 : 1)
        let verdict = isOutward ? tables[index].outbound(packet.summary, at: now) : tables[index].inbound(packet.summary, at: now)
        if Int.random(in: 0..<200_000, using: &random) == 0 { tables[index].reboot() }
        switch verdict {
        case .refused(_, let reason): counts.refused[reason, default: 0] += 1
        case .passed(let translation):
            counts.passed += 1
            follow(translation, packet)
        case .turnedBack(let translation):
            counts.turnedBack += 1
            follow(translation, packet)
        }
    }

    private mutating func follow(_ translation: Translation, _ packet: Packet) {
        var rewritten = packet
        rewritten.apply(translation)
        rewritten.stripTimestamps()
        generator.remember(rewritten)
        check(Packet(rewritten.bytes)?.summary == rewritten.summary, rewritten, "a rewritten packet reads differently")
        guard packet.hasCorrectChecksums else { return }
        counts.verified += 1
        check(rewritten.hasCorrectChecksums, rewritten, "a rewritten packet has a wrong checksum")
    }

    private mutating func auditTables() {
        for table in tables {
            if let fault = table.inconsistency { report("a table is inconsistent: \(fault)") }
        }
    }

    private mutating func check(_ holds: Bool, _ packet: Packet, _ message: String) {
        if !holds { report("\(message): \(packet.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())") }
    }

    private mutating func report(_ message: String) {
        counts.violationCount += 1
        if counts.violations.count < Self.limit { counts.violations.append("packet \(counts.made): \(message)") }
    }
}
