import BodkinCore
import BodkinEmulation
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Two peers that talk, and several things that happen to their networks before the first is overcome, in virtual time: by seeds.
@Suite("Virtual survival")
struct VirtualSurvivalTests {
    @Test("a conversation goes on soon after the last of four incidents at random moments", arguments: 1...UInt64(24))
    func incidents(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pairs: [(NATPreset, NATPreset)] = [
            (.portRestricted, .portRestricted), (.symmetricSequential, .portRestricted), (.symmetricRandom, .symmetricRandom),
        ]
        let (nearPreset, farPreset) = pairs[Int.random(in: 0..<3, using: &random)]
        let (network, a, b, near, far) = try VirtualPauseTests.pair(nearPreset, farPreset, seed: seed)
        let writesNear = Bool.random(using: &random)
        let talk = VirtualConversation(
            from: writesNear ? near : far, to: writesNear ? far : near, every: .milliseconds(Bool.random(using: &random) ? 20 : 100), on: network)
        network.run(for: .seconds(2))
        let trace = VirtualTrace([("a", a, near), ("b", b, far)], on: network)
        var story: [String] = []
        var end = network.now
        // After an outage that a link outlives, TCP repeats what it carries when as much time has passed again at the latest.
        var limit = Duration.seconds(3)
        for number in 0..<4 {
            let incident = VirtualPauseTests.Incident.allCases.randomElement(using: &random) ?? .reboot
            let host = Bool.random(using: &random) ? "a" : "b"
            story.append("\(incident.rawValue) of \(host) at \((network.now - end).inMilliseconds)")
            try incident.strike(host, host == "a" ? near.activePath : far.activePath, network, number: UInt32(number))
            if incident.outage > .zero { limit = .seconds(5) }
            end = max(end, network.now + incident.outage)
            network.run(for: .milliseconds(Int64.random(in: 0...1_500, using: &random)))
            trace.look()
        }
        trace.run(for: max(end - network.now, .zero))
        talk.watch()
        trace.run(for: .seconds(10))
        #expect(talk.isWhole && talk.error == nil)
        #expect(talk.pause <= limit, "\(nearPreset) \(farPreset) \(writesNear ? "a" : "b") writes: \(story)\n\(trace.text)")
        talk.end()
    }
}
