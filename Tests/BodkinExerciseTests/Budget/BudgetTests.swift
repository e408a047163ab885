import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import BodkinProtocols
import Testing

/// What a direct path costs, read from the capture: SYNs, half-open sockets, ports of a household's block, and how soon all that has lost is gone.
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

    /// Counting NATs have bursts of 16 where nobody shifts them; random ones are searched for by 512 and 1 024; blocks by a sixteenth of what
    /// they seem to hold and 256, or by what is left of half of them.
    static let cases = [
        Case(near: .symmetricSequential, far: .symmetricSequential, most: [16, 16]),
        Case(near: .symmetricSequential, far: .portRestricted, most: [1, 16]),
        Case(near: .symmetricRandom, far: .portRestricted, most: [512, 1024]),
        Case(near: .symmetricBlock, far: .portRestricted, most: [40, 256]),
        Case(near: .cgnBlock, far: .portRestricted, most: [40, 256]),
        Case(near: .symmetricBlock, far: .symmetricSequential, most: [256, 16]),
        Case(near: .symmetricBlock, far: .symmetricBlock, most: [256, 256]),
        Case(near: .symmetricBlock, far: .symmetricBlock, most: [256, 256], seed: 2),
        Case(near: .symmetricRandom, far: .symmetricRandom, most: [0, 0]),
    ]

    @Test("no side asks for more than its part, has more half-open than the budget, or keeps open what has lost", arguments: cases)
    func spends(_ expected: Case) async throws {
        let dial = try await RecordedDial.run(expected.near, expected.far, seed: expected.seed)
        for ((own, far), most) in zip(dial.views, expected.most) {
            let search = own.report.attempts.filter { $0.detail.hasPrefix("round") || $0.shots > MeetSchedule.instants.count }
            let probes = dial.capture.probes(from: own.outside, to: far.outside)
            // The Meet is one 4-tuple: the one endpoint of the far side that may be connected to.
            #expect((1...1 + most * max(1, search.count)).contains(probes.count), "\(own.name): \(own.report)")
            #expect(dial.capture.mostHalfOpen(from: own.outside, to: far.outside) <= PunchPolicy.largestBudget * max(1, search.count))
            #expect(own.mostHalfOpen <= PunchPolicy.largestBudget)
            if let size = Self.block(own.name == "a" ? expected.near : expected.far) {
                let ports = dial.capture.ports(of: own.outside)
                #expect(ports.count <= size / 2, "\(own.name) has taken \(ports.count) of a block of \(size)")
            }
            // Whatever is sent before the end of the dial is at the core that much later.
            let end = own.settled + RecordedDial.wayToCore.nanoseconds
            #expect(probes.allSatisfy { $0.time <= end + Self.slack.nanoseconds }, "\(own.name) went on asking")
            let winner = dial.route == .direct ? dial.capture.busiest(from: own.outside, to: far.outside) : nil
            let last = dial.capture.last(from: own.outside, to: far.outside, except: winner)
            #expect(last.map { $0 <= end + RecordedDial.closing.nanoseconds } ?? true, "\(own.name) had something open")
            #expect(own.socketsLeft == (winner == nil ? 0 : 1))
        }
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

    /// How many ports a household has behind this NAT; nil where it has all.
    private static func block(_ preset: NATPreset) -> Int? {
        preset.layers.lazy.compactMap { if case .block(let size, _) = $0.tcp.allocation { size } else { nil } }.first
    }

    /// What a busy machine may take from the word that a dial is over to the packets that were under way by then.
    private static let slack = Duration.milliseconds(50)
}

extension Duration {
    fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
