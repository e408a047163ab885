import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import BodkinProtocols
import Testing

/// What a direct path costs, read from the capture: SYNs, half-open sockets, ports of a subscriber's block, and how soon all that has lost is gone.
///
/// In a process of its own (Makefile): a program that other tests start inherits for a moment, between fork and exec, what is half-open here, and keeps it so.
@Suite(
    "Budgets in the capture", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct BudgetTests {
    /// Two networks, and how many 4-tuples each side may ask for besides the Meet's.
    struct Case: CustomTestStringConvertible, Sendable {
        let near: NATPreset
        let far: NATPreset
        let most: [Int]
        var seed: UInt64 = 1

        var testDescription: String { "\(near.rawValue) + \(far.rawValue)\(seed == 1 ? "" : ", another time")" }
    }

    /// Counting NATs have bursts of 16 where nobody shifts them, and never more than 256; random ones are searched for by 512 and 896; blocks by a sixteenth of what
    /// they seem to hold and 256, or by what is left of half of them.
    static let cases = [
        Case(near: .symmetricSequential, far: .symmetricSequential, most: [256, 256]),
        Case(near: .symmetricSequential, far: .portRestricted, most: [1, 256]),
        Case(near: .symmetricRandom, far: .portRestricted, most: [512, 896]),
        Case(near: .symmetricBlock, far: .portRestricted, most: [40, 256]),
        Case(near: .cgnBlock, far: .portRestricted, most: [40, 256]),
        Case(near: .symmetricBlock, far: .symmetricSequential, most: [256, 256]),
        Case(near: .symmetricBlock, far: .symmetricBlock, most: [256, 256]),
        Case(near: .symmetricBlock, far: .symmetricBlock, most: [256, 256], seed: 2),
        Case(near: .symmetricRandom, far: .symmetricRandom, most: [0, 0]),
    ]

    @Test("no side asks for more than its part, has more half-open than the budget, or keeps open what has lost", arguments: cases)
    func spends(_ expected: Case) async throws {
        let dial = try await RecordedDial.run(expected.near, expected.far, seed: expected.seed)
        for ((own, far), most) in zip(dial.views, expected.most) {
            let search = own.report.attempts.filter { $0.round != nil }
            let probes = dial.capture.probes(from: own.outside, to: far.outside)
            // The Meet is one 4-tuple: the one endpoint of the remote peer that may be connected to. A guess may be the same one.
            let reported = search.reduce(0) { $0 + $1.shots }
            #expect((max(1, reported)...1 + reported).contains(probes.count), "\(own.name) has sent \(probes.count): \(own.report)")
            #expect(search.map(\.round) == search.indices.map { $0 + 1 } && search.allSatisfy { $0.shots <= most })
            #expect(most > 0 || own.report.rounds == 0)
            #expect(dial.capture.mostHalfOpen(from: own.outside, to: far.outside) <= PunchPolicy.largestBudget * max(1, search.count))
            #expect(own.mostHalfOpen <= PunchPolicy.largestBudget)
            if let size = Self.block(own.name == "a" ? expected.near : expected.far) {
                let ports = dial.capture.ports(of: own.outside)
                #expect(ports.count <= size / 2, "\(own.name) has taken \(ports.count) of a block of \(size)")
            }
            // Nothing is asked for once the dial is over, nor repeated by the system, which it would be after a second. What has come up and lost says goodbye.
            #expect(own.end.halfOpen == 0)
            let look = max(own.end.look, far.end.look) + Self.late
            let last = dial.capture.requests(from: own.outside, to: far.outside).last?.time ?? 0
            #expect(last <= own.end.look + Self.late, "\(own.name) went on asking for \(Double(last - own.end.time) / 1e6) ms")
            let winner = dial.route == .direct ? dial.capture.lastSpoken(from: own.outside, to: far.outside) : nil
            let other = dial.capture.last(from: own.outside, to: far.outside, except: winner) ?? 0
            #expect(other <= look, "\(own.name) had something open for \(Double(other - own.end.time) / 1e6) ms")
        }
        // One side's first round may connect before the other side's begins.
        #expect(dial.views.contains { $0.own.report.rounds > 0 } == expected.most.contains { $0 > 0 })
    }

    @Test("two NATs that draw at random go to the circuit, with the reason, and without one SYN besides the Meet's")
    func unpredictable() async throws {
        let dial = try await RecordedDial.run(.symmetricRandom, .symmetricRandom, seed: 3)
        #expect(dial.route == .circuit)
        for (own, far) in dial.views {
            #expect(own.report.verdict == .unpredictable)
            let probes = dial.capture.probes(from: own.outside, to: far.outside)
            #expect(probes.count == 1)
            // The system repeats a SYN where the next instant is more than a second away.
            let shots = own.report.attempts.reduce(0) { $0 + $1.shots }
            let requests = dial.capture.requests(from: own.outside, to: far.outside)
            #expect(shots == MeetSchedule.instants.count && (shots...shots + 4).contains(requests.count), "\(requests.count) SYNs")
        }
    }

    /// How many ports a subscriber has behind this NAT; nil where it has all.
    private static func block(_ preset: NATPreset) -> Int? {
        preset.layers.lazy.compactMap { if case .block(let size, _) = $0.tcp.allocation { size } else { nil } }.first
    }

    /// How much later than at the host a packet is at the core, in nanoseconds, on a machine that is busy.
    private static let late = (RecordedDial.wayToCore + .milliseconds(50)).nanoseconds
}

extension Duration {
    fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
