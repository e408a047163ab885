import Testing

@testable import BodkinProtocols

@Suite("Windows that grow")
struct FlowWindowTests {
    private static let step = 1_000

    /// A sender with always something to send, `delay` steps away in each direction, at most `rate` bytes a step; and a reader who reads at most `reading` a step.
    /// Returns the window and how much waited at most.
    private func run(delay: Int, rate: Int, reading: Int) -> (size: UInt64, mostBuffered: UInt64) {
        var window = FlowWindow(size: 64 * Self.step, largest: 1_024 * Self.step)
        var (limit, sent) = (window.room, UInt64(0))
        var onTheWay: [(at: Int, count: Int)] = []
        var limits: [(at: Int, limit: UInt64)] = []
        var mostBuffered: UInt64 = 0
        var blocked: [(at: Int, limit: UInt64)] = []
        for now in 0..<20_000 {
            while let next = limits.first, next.at <= now {
                limit = next.limit
                limits.removeFirst()
            }
            let count = min(rate, Int(limit - sent))
            if count > 0 { onTheWay.append((now + delay, count)) }
            sent += UInt64(count)
            if sent == limit, blocked.last?.limit != limit { blocked.append((now + delay, limit)) }
            while let next = onTheWay.first, next.at <= now {
                window.receive(next.count)
                onTheWay.removeFirst()
            }
            for report in blocked where report.at == now { window.senderIsBlocked(at: report.limit) }
            mostBuffered = max(mostBuffered, window.buffered)
            window.consume(min(reading, Int(window.buffered)))
            if window.owesLimit { limits.append((now + delay, window.takeLimit())) }
        }
        return (window.size, mostBuffered)
    }

    @Test("a long path has a window that fills it, a short one keeps what it has", arguments: [(1, 64), (50, 128), (200, 512)])
    func grows(delay: Int, least: UInt64) {
        // 1 000 bytes a step, so that two delays of bytes are under way.
        let result = run(delay: delay, rate: Self.step, reading: .max)
        #expect(result.size >= least * 1_000 && result.size <= 4 * least * 1_000, "\(result)")
    }

    @Test("a slow reader gets a larger window once at most, however long the path")
    func slowReader() {
        let result = run(delay: 200, rate: Self.step, reading: 100)
        #expect(result.size <= 256 * 1_000 && result.mostBuffered <= 256 * 1_000, "\(result)")
    }

    @Test("no window outgrows its limit")
    func bound() { #expect(run(delay: 2_000, rate: Self.step, reading: .max).size == 1_024 * 1_000) }

    @Test("a window whose bound holds it up says so, and is as large as it is raised to")
    func raised() {
        var window = FlowWindow(size: 1000, largest: 0)
        window.receive(1000)
        window.consume(1000)
        _ = window.takeLimit()
        window.receive(1000)
        // Much of it waits for the reader: a larger one would be of no use.
        let early = window.senderIsBlocked(at: 2000)
        window.consume(900)
        let late = window.senderIsBlocked(at: 2000)
        #expect(!early && late)
        window.raise(to: 500)
        #expect(window.size == 1000)
        window.raise(to: 4000)
        #expect(window.size == 4000 && window.owesLimit)
        let limit = window.takeLimit()
        #expect(limit == 1900 + 4000)
    }
}
