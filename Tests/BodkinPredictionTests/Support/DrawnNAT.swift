import BodkinPrediction

@testable import BodkinEmulation

/// A NAT that nobody has chosen.
struct DrawnNAT {
    let parameters: NATParameters

    private static let sizes = [64, 128, 256, 500, 512, 1000, 1024, 2048, 4096]
    private static let ranges: [ClosedRange<UInt16>] = [
        1024...65_535, 1024...65_535, 1024...65_535, 32_768...60_999, 49_152...65_535, 10_000...60_000,
    ]

    init(_ random: inout SeededGenerator) {
        var box = NATParameters()
        box.tcp.mapping = Mapping.allCases.randomElement(using: &random) ?? .endpointIndependent
        let step = [1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 10, 16].randomElement(using: &random) ?? 1
        let delta = Bool.random(using: &random) ? step : -step
        box.tcp.allocation =
            switch Int.random(in: 0..<7, using: &random) {
            case 0: .equal
            case 1: .preserving
            case 2, 3: .sequential(delta: delta)
            case 4: .dependent(delta: delta)
            case 5: .random
            default: .block(size: Self.sizes.randomElement(using: &random) ?? 64, isRandom: Int.random(in: 0..<4, using: &random) > 0)
            }
        box.backgroundNoise = [0, 0, 5, 20, 50, 100].randomElement(using: &random) ?? 0
        box.ports = Self.ranges.randomElement(using: &random) ?? 1024...65535
        parameters = box
    }
}
