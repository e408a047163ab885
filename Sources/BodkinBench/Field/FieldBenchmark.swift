import BodkinCore
import BodkinNATLab
import FoundationEssentials

/// A daemon in the field: `listen` under a supervisor while its server, names, links, addresses, clock and descriptors misbehave at random by a printed seed, and
/// somebody dials it once a second. No dial fails, no byte differs, and memory and descriptors stay level.
struct FieldBenchmark: Sendable {
    /// How long, of which the first quarter is warm-up.
    var minutes = 60
    var seed = UInt64.random(in: 0...0xFFFF_FFFF)

    /// By how much the median of the last quarter's memory may be above the second quarter's.
    private static let growth = 0.1
    /// Without dials and faults the daemon is as it was at the start: its bindings, and the last connections' ends.
    private static let settling = Duration.seconds(45)
    private static let descriptorAllowance = 8

    func run() async throws -> Bool {
        print(
            "field: \(minutes) min, seed \(seed); a dial a second, a fault every 6 to 14 s, each over within \(Int(FieldFault.duration / .seconds(1))) s"
        )
        let link = LinkParameters(delay: .milliseconds(20), rate: 100_000_000)
        return try await withLab(.pair(.portRestricted, .portRestricted, link: link, seed: seed)) { lab in
            let place = try await FieldPlace.make(in: lab)
            defer { place.remove() }
            let server = FieldServer(place)
            try await server.start()
            let daemon = try await place.startDaemon()
            let tally = FieldTally()
            try await Task.sleep(for: .seconds(2))
            let before = Self.samples(of: place).last
            let end = ContinuousClock.now + .seconds(minutes * 60)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await self.strike(place, server, tally, until: end) }
                tasks.addTask { try await self.dial(place, tally, until: end) }
                try await tasks.waitForAll()
            }
            let count = Self.samples(of: place).count
            try await Task.sleep(for: Self.settling)
            let isMet = self.judge(place, tally, sampled: count, before: before?.descriptors ?? 0)
            daemon.kill()
            try await server.stop()
            return isMet
        }
    }

    private func dial(_ place: FieldPlace, _ tally: FieldTally, until end: ContinuousClock.Instant) async throws {
        try await withThrowingTaskGroup(of: Void.self) { dials in
            var random = SeededGenerator(seed: seed &+ 1)
            var (number, next) = (0, ContinuousClock.now)
            while next < end {
                number += 1
                let (number, byteCount) = (number, 1 << Int.random(in: 4...20, using: &random))
                dials.addTask {
                    let start = ContinuousClock.now
                    let result = try await place.dial(number, byteCount: byteCount)
                    tally.dialed(number, result, since: start)
                }
                next += .seconds(1)
                try await Task.sleep(until: next)
            }
            try await dials.waitForAll()
        }
    }

    private func strike(_ place: FieldPlace, _ server: FieldServer, _ tally: FieldTally, until end: ContinuousClock.Instant) async throws {
        var random = SeededGenerator(seed: seed)
        var kinds: [FieldFault] = []
        while true {
            try await Task.sleep(for: .milliseconds(Int.random(in: 2_000...10_000, using: &random)))
            guard ContinuousClock.now + FieldFault.duration < end else { return }
            if kinds.isEmpty {
                kinds = FieldFault.allCases.filter { place.hasClock || $0 != .clockAhead && $0 != .clockBehind }.shuffled(using: &random)
            }
            let kind = kinds.removeFirst()
            let start = ContinuousClock.now
            tally.begins(kind)
            do { try await strike(kind, place, server, hour: Int.random(in: 1...48, using: &random)) } catch {
                tally.fail("\(kind.rawValue): \(error)")
            }
            tally.ends(kind, since: start)
        }
    }

    private func strike(_ kind: FieldFault, _ place: FieldPlace, _ server: FieldServer, hour: Int) async throws {
        let (lab, time) = (place.lab, FieldFault.duration)
        switch kind {
        case .serverRestarted, .serverKilled: try await server.restart(kills: kind == .serverKilled)
        case .nameGone, .nameDead:
            let dead = IPAddress(v4: 0xCB00_71FA)
            try await place.resolve(to: kind == .nameGone ? [] : [dead, server.address])
            try await Task.sleep(for: time)
            try await place.resolve(to: [server.address])
        case .nameMoved: try await server.move()
        case .linkDown:
            try await lab.apply(.link("b", isUp: false))
            try await Task.sleep(for: time)
            try await lab.apply(.link("b", isUp: true))
        case .silenceUp, .silenceDown: try await lab.apply(.blackhole("b", isUpward: kind == .silenceUp, time))
        case .loss: try await lab.apply(.loss("b", 0.3, time))
        case .reboot: try await lab.apply(.reboot("b"))
        case .address: try await lab.apply(.addressChange("b", IPAddress(v4: 0xCB00_7180 + UInt32(hour))))
        case .interface:
            let script = """
                address=$(ip -4 -o address show dev eth0 | awk '{print $4}'); routes=$(ip route show dev eth0 | tac)
                ip address del $address dev eth0; sleep 2; ip address add $address dev eth0
                echo "$routes" | while read route; do ip route add $route dev eth0 2>/dev/null; done
                """
            _ = try await lab.host("b").run("sh", "-c", script)
        case .clockAhead, .clockBehind:
            try place.setClock(ahead: (kind == .clockAhead ? 3_600 : -3_600) * hour)
            try await Task.sleep(for: time)
            try place.setClock(ahead: 0)
        case .descriptors:
            try await place.limitDescriptors(to: 4)
            try await Task.sleep(for: time)
            try await place.limitDescriptors(to: nil)
        }
    }

    private static func samples(of place: FieldPlace) -> [(resident: Double, descriptors: Int)] {
        ((try? place.read("samples")) ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let resident = Double(words[0]), let descriptors = Int(words[1]) else { return nil }
            return (resident / 1024, descriptors)
        }
    }

    private func judge(_ place: FieldPlace, _ tally: FieldTally, sampled count: Int, before: Int) -> Bool {
        let samples = Self.samples(of: place)
        func median(_ from: Double, _ to: Double) -> Double {
            var part = Rounds()
            for sample in samples[Int(Double(count) * from)..<Int(Double(count) * to)] { part.append(sample.resident) }
            return part.median
        }
        let (early, late) = (median(0.25, 0.5), median(0.75, 1))
        let after = samples.suffix(5).map(\.descriptors).min() ?? 0
        let ended = ((try? place.read("ended")) ?? "").split(separator: "\n").map { String($0) }
        tally.show(hasClock: place.hasClock)
        for line in ended { print("  the daemon ended: \(line)") }
        print(
            "  resident memory of the daemon: median \(Rounds.text(early, 1)) MiB in the second quarter, \(Rounds.text(late, 1)) MiB in the last one")
        print("  descriptors of the daemon: \(before) at the start, \(after) when all was over")
        let isLevel = late <= early * (1 + Self.growth) && after <= before + Self.descriptorAllowance
        print(tally.isGood && ended.isEmpty && isLevel ? "  as asked" : "  MISSED")
        return tally.isGood && ended.isEmpty && isLevel
    }
}
