import BodkinCore
import BodkinEmulation
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Two peers that only the relay brings together, and one or two things that happen to the network of one of them, in virtual time.
@Suite("Virtual pauses of a circuit")
struct VirtualCircuitPauseTests {
    struct Case: CustomTestStringConvertible {
        let incidents: [VirtualPauseTests.Incident]
        let host: String
        let writesNear: Bool
        var testDescription: String { "\(incidents.map(\.rawValue).joined(separator: " and ")) of \(host), \(writesNear ? "a" : "b") writes" }
        var outage: Duration { incidents.map(\.outage).max() ?? .zero }
    }

    static let cases: [Case] = {
        let incidents: [[VirtualPauseTests.Incident]] = [
            [.reboot], [.address], [.silenceUp], [.silenceDown], [.silenceUp, .address], [.silenceDown, .address], [.silenceUp, .reboot],
            [.silenceDown, .reboot],
        ]
        return incidents.flatMap { incidents in
            ["a", "b"].flatMap { host in [true, false].map { Case(incidents: incidents, host: host, writesNear: $0) } }
        }
    }()

    /// After an outage that leaves the link as it was, TCP repeats what it carries when as much time has passed again at the latest.
    @Test("a conversation on a circuit pauses for at most 2 s beyond an outage, or 3 s where its link outlives that", arguments: cases)
    func pause(_ test: Case) throws {
        let (network, a, b, near, far) = try VirtualPauseTests.pair(.symmetricRandom, .symmetricRandom)
        let talk = VirtualConversation(
            from: test.writesNear ? near : far, to: test.writesNear ? far : near, every: .milliseconds(100), on: network)
        network.run(for: .seconds(3))
        #expect(near.activePath?.kind == .circuit && far.activePath?.kind == .circuit)
        talk.watch()
        let trace = VirtualTrace([("a", a, near), ("b", b, far)], on: network)
        for incident in test.incidents {
            try incident.strike(test.host, nil, network)
            network.run(for: .milliseconds(120))
        }
        trace.run(for: test.outage + .seconds(20))
        let pause = max(talk.pause - test.outage, .zero)
        #expect(talk.isWhole && talk.error == nil)
        #expect(pause <= (test.incidents.contains(where: \.isSilent) ? .seconds(2) : .seconds(3)), "\(trace.text)")
        talk.end()
    }
}
