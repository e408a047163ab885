import BodkinCore
import BodkinPrediction
import Testing

@Suite struct PunchRoundTests {
    private static let near = IPAddress(v4: 0xC633_6401)
    private static let far = IPAddress(v4: 0xCB00_7101)

    private static func counted(_ address: IPAddress, _ port: UInt16, delta: Int, index: Int = 8) -> PortForecast {
        PortForecast(address: address, port: port, ports: .sequential(delta: delta, count: 16, index: index))
    }

    @Test(arguments: [(1, 1), (1, 3), (-2, 1), (7, -5)]) func twoThatCountAimAtOneProbeOfEachOther(deltas: (Int, Int)) throws {
        var random = SystemRandomNumberGenerator()
        let a = Self.counted(Self.near, 40_000, delta: deltas.0)
        let b = Self.counted(Self.far, 1_030, delta: deltas.1)
        let (ofA, ofB) = try (#require(PunchRound(own: a, far: b, using: &random)), #require(PunchRound(own: b, far: a, using: &random)))
        // Index 8 of a burst is its ninth.
        #expect(ofA.action == .burst(count: 16, to: Endpoint(Self.far, PortForecastTests.wrapped(1_030 + 9 * deltas.1))))
        #expect(ofB.action == .burst(count: 16, to: Endpoint(Self.near, UInt16(40_000 + 9 * deltas.0))))
    }

    @Test func oneThatCountsFiresOnceAtAPortThatIsKept() throws {
        var random = SystemRandomNumberGenerator()
        let a = Self.counted(Self.near, 65_530, delta: 2)
        let b = PortForecast(address: Self.far, port: 5_000, ports: .fixed)
        let (ofA, ofB) = try (#require(PunchRound(own: a, far: b, using: &random)), #require(PunchRound(own: b, far: a, using: &random)))
        #expect(ofA.action == .burst(count: 1, to: Endpoint(Self.far, 5_000)) && ofA.waits(inRound: 1) && !ofB.waits(inRound: 1))
        guard case .guess(let guesses) = ofB.action else { throw CancellationError() }
        let beyond: [UInt16] = (0..<14).map { 1_024 + $0 * 2 }
        #expect(guesses.map(\.port) == [65_532, 65_534] + beyond)
    }

    @Test("the guesses go out first, and in the second round the burst does")
    func theSecondRoundTriesTheOtherOrder() throws {
        var random = SystemRandomNumberGenerator()
        let (a, b) = (Self.counted(Self.near, 40_000, delta: 1), PortForecast(address: Self.far, port: 5_000, ports: .fixed))
        let (burst, guess) = try (#require(PunchRound(own: a, far: b, using: &random)), #require(PunchRound(own: b, far: a, using: &random)))
        #expect(burst.waits(inRound: 1) && !guess.waits(inRound: 1))
        #expect(!burst.waits(inRound: 2) && guess.waits(inRound: 2))
        // Two bursts have no order.
        let both = try #require(PunchRound(own: a, far: Self.counted(Self.far, 4_000, delta: 1), using: &random))
        #expect(!both.waits(inRound: 1) && !both.waits(inRound: 2))
    }

    @Test func aSearchOpensAndGuessesWithinItsBudget() throws {
        var random = SystemRandomNumberGenerator()
        let a = PortForecast(address: Self.near, port: 1_024, ports: .random(1024...65535, count: 512, isBlock: false))
        let b = PortForecast(address: Self.far, port: 5_000, ports: .fixed)
        let (ofA, ofB) = try (#require(PunchRound(own: a, far: b, using: &random)), #require(PunchRound(own: b, far: a, using: &random)))
        guard case .guess(let guesses) = ofB.action else { throw CancellationError() }
        #expect(ofA.action == .burst(count: 512, to: Endpoint(Self.far, 5_000)) && ofA.waits(inRound: 1))
        #expect(guesses.count == 896 && Set(guesses).count == 896)
        #expect(guesses.allSatisfy { $0.address == Self.near && $0.port >= 1024 })
    }

    @Test func aHouseholdKeepsHalfOfItsBlock() throws {
        var random = SystemRandomNumberGenerator()
        let range: ClosedRange<UInt16> = 2048...2559
        var estimate = AllocationEstimate(mapping: .addressAndPortDependent, allocation: .block(range), confidence: 1)
        estimate.ports = range
        let block = PortForecast(address: Self.near, port: 2_100, ports: .init(estimate, within: .zero, ofBlock: 235))
        #expect(block.ports == .random(range, count: 235, isBlock: true))
        #expect(PortForecast.Ports(estimate, within: .zero, ofBlock: PortBlockBudget.least - 1) == .unknown)
        let kept = PortForecast(address: Self.far, port: 5_000, ports: .fixed)
        #expect(PunchRound(own: block, far: kept, using: &random)?.action == .burst(count: 32, to: Endpoint(Self.far, 5_000)))
        let other = PortForecast(address: Self.far, port: 2_200, ports: .random(range, count: 200, isBlock: true))
        let part = try #require(PunchRound(own: block, far: other, using: &random))
        #expect(part.action == .burst(count: 235, to: Endpoint(Self.far, 2_200)))
        // One round, and nothing is left: of both sides.
        #expect(part.isLast && PunchRound(own: other, far: block, using: &random)?.isLast == true)
        #expect(PunchRound(own: kept, far: block, using: &random)?.isLast == false)
    }

    @Test func nothingIsSpentWhereNothingIsToBeGained() {
        var random = SystemRandomNumberGenerator()
        let drawn = PortForecast(address: Self.near, port: 1_024, ports: .random(1024...65535, count: 512, isBlock: false))
        let kept = PortForecast(address: Self.near, port: 1_024, ports: .fixed)
        let unknown = PortForecast(address: Self.near, port: 1_024, ports: .unknown)
        for (own, far) in [(drawn, drawn), (kept, kept), (unknown, kept), (kept, unknown), (drawn, Self.counted(Self.far, 4_000, delta: 1))] {
            #expect(PunchRound(own: own, far: far, using: &random) == nil && PunchRound(own: far, far: own, using: &random) == nil)
        }
    }
}

@Suite struct PortForecastTests {
    /// A port round the range that NATs give out.
    static func wrapped(_ port: Int) -> UInt16 { UInt16(1_024 + ((port - 1_024) % 64_512 + 64_512) % 64_512) }

    @Test(arguments: [(1_030, -7, 3), (65_535, 1, 0), (40_000, 1_024, 255), (1_024, -1_024, 255)]) func countingGoesRoundTheRange(
        port: Int, delta: Int, index: Int
    ) {
        let forecast = PortForecast(
            address: IPAddress(v4: 1), port: UInt16(port), ports: .sequential(delta: delta, count: 256, index: index))
        #expect(forecast.target == Self.wrapped(port + delta * (index + 1)))
        #expect(forecast.guesses.count == 256 && forecast.guesses[index] == forecast.target)
    }
}
