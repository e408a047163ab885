import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import Testing

@Suite("The kind of a profile")
struct NATProfileKindTests {
    @Test("it is written the same way for good")
    func stable() {
        #expect(
            NATProfile(told: NATPreset.symmetricSequential.layers, address: "203.0.113.1").kind.description
                == "addressAndPortDependent addressAndPortDependent sequential+1 silence nothing crossing all-ports")
        #expect(
            NATProfile(told: NATPreset.portRestrictedRST.layers, address: "203.0.113.1").kind.description
                == "endpointIndependent addressAndPortDependent equal reset nothing crossing all-ports")
        #expect(NATProfile().kind.description == "unknown unknown unknown unknown unknown crossing-unknown ports-unknown")
    }

    @Test("it comes back from its text", arguments: NATPreset.allCases)
    func text(preset: NATPreset) {
        let kind = NATProfile(told: preset.layers, address: "203.0.113.1").kind
        #expect(NATProfile.Kind(kind.description) == kind)
    }

    @Test(
        "text that cannot be one is refused",
        arguments: ["", "a", "a b c d e f", "a b c d e f ", "a b c d e f g h", "ä b c d e f g", "a\tb b c d e f g"])
    func refused(text: String) {
        #expect(NATProfile.Kind(text) == nil)
    }

    @Test("neither addresses nor ports nor ranges of the same size make a difference")
    func anonymous() {
        let first = NATProfile(told: NATPreset.symmetricBlock.layers, address: "192.0.2.1")
        var second = NATProfile(told: NATPreset.symmetricBlock.layers, address: "192.0.2.2")
        second.estimate.allocation = .block(50_000...50_499)
        #expect(first.kind == second.kind && first.kind.description.contains("block-512"))
        second.estimate.allocation = .sequential(delta: -3)
        #expect(second.kind.description.contains("sequential-3"))
    }
}
