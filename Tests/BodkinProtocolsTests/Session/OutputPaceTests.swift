import Testing

@testable import BodkinProtocols

@Suite("Pace of a path")
struct OutputPaceTests {
    /// Sends so many bytes a second, in pieces, for a while from `start`.
    private func run(_ pace: inout OutputPace, _ rate: Int, from start: Duration, for time: Duration) {
        let steps = Int(time / .milliseconds(1))
        for step in 1...steps { pace.sent(rate / 1000, at: start + .milliseconds(step)) }
    }

    @Test("a slow path has short records and little unsent, a fast one long ones and more, and both change with it")
    func pace() {
        var pace = OutputPace()
        #expect(pace.recordLimit == 16_384 && pace.unsentLimit == 1 << 17 && pace.batch == 0)
        // 100 Mbit/s: 50 KB take 4 ms, 125 KB take 10.
        run(&pace, 12_500_000, from: .zero, for: .milliseconds(100))
        #expect((49_000...51_000).contains(pace.recordLimit) && pace.unsentLimit == 1 << 17 && pace.batch == pace.recordLimit)
        run(&pace, 500_000_000, from: .milliseconds(100), for: .milliseconds(100))
        #expect(pace.recordLimit == 81_920 && pace.unsentLimit == 1 << 22 && pace.batch == 1 << 18)
        run(&pace, 1_000_000, from: .milliseconds(200), for: .milliseconds(100))
        #expect(pace.recordLimit == 16_384 && pace.unsentLimit == 1 << 17)
    }

    @Test("as much may be under way as a long way holds eight times, and never less than 1 MiB")
    func underWay() {
        var pace = OutputPace()
        #expect(pace.underWay(within: .seconds(1)) == 1 << 20)
        // 1 Gbit/s: 6.25 MB are under way in 50 ms, and 125 KB in one.
        run(&pace, 125_000_000, from: .zero, for: .milliseconds(100))
        #expect((48_000_000...50_000_000).contains(pace.underWay(within: .milliseconds(50))))
        #expect(pace.underWay(within: .milliseconds(1)) == 1 << 20)
        #expect(pace.underWay(within: .seconds(1_000_000)) == 1 << 30)
    }

    @Test("a pause is not fast")
    func pause() {
        var pace = OutputPace()
        run(&pace, 500_000_000, from: .zero, for: .milliseconds(100))
        pace.sent(1_000_000, at: .seconds(10))
        #expect(pace.recordLimit == 16_384 && pace.unsentLimit == 1 << 17)
    }
}
