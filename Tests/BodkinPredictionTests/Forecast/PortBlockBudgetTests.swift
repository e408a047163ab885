import Testing

@testable import BodkinPrediction

@Suite("How much of a household's block is taken")
struct PortBlockBudgetTests {
    private static let block: ClosedRange<UInt16> = 1536...2047

    @Test("half of a block is all that is ever taken, over all rounds and dials, as long as NATs keep what nobody answers")
    func half() {
        var share = PortBlockBudget()
        #expect(share.left(ofBlockSeenAs: Self.block, at: .zero) == 256 - PortBlockBudget.standing)
        share.took(13, at: .zero)
        #expect(share.left(ofBlockSeenAs: Self.block, at: .zero) == PortBlockBudget.share(of: 512))
        share.took(235, at: .seconds(1))
        #expect(share.left(ofBlockSeenAs: Self.block, at: .seconds(2)) == 0)
        // Four minutes later the first ones are free, and then the others.
        #expect(share.left(ofBlockSeenAs: Self.block, at: .seconds(240)) == 13)
        #expect(share.left(ofBlockSeenAs: Self.block, at: .seconds(241)) == 248)
        share.took(1, at: .seconds(300))
        #expect(share.left(ofBlockSeenAs: Self.block, at: .seconds(300)) == 247)
    }

    @Test(
        "a block is taken for as large as what is sold, where that is nearly full of what was seen, and never for larger than it can be seen to be otherwise",
        arguments: [
            (1540...2040, 512), (1540...1925, 512), (1540...1900, 361), (1500...1900, 401), (1024...1087, 64), (1030...1040, 11),
            (5120...9000, 4096), (100...400, 301), (1024...65_535, 64_512),
        ] as [(ClosedRange<UInt16>, Int)])
    func size(seen: ClosedRange<UInt16>, size: Int) {
        #expect(PortBlockBudget.size(seen) == size)
    }

    @Test("what is seen of a block of 512 never lets more than half of it be taken, and nearly always nearly that")
    func seen() {
        var random = SystemRandomNumberGenerator()
        var full = 0
        for _ in 0..<2000 {
            let ports = PortGuesses.draw(12, from: Self.block, using: &random)
            guard let low = ports.min(), let high = ports.max() else { continue }
            #expect(PortBlockBudget.size(low...high) <= 512)
            full += PortBlockBudget.size(low...high) == 512 ? 1 : 0
        }
        #expect(full > 1600, "\(full) of 2000")
    }
}
