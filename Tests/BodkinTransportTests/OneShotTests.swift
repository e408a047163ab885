import BodkinTransport
import NIOCore
import NIOPosix
import Testing

/// What is to be done later is done once, or never.
@Suite("A thing that is done once, later") struct OneShotTests {
    @Test("of two that fall due in one turn of the event loop, the first can cancel the second")
    func oneTurn() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let done = try await loop.flatSubmit {
            let promise = loop.makePromise(of: [Int].self)
            var (done, second): ([Int], OneShot?) = ([], nil)
            let now = loop.now
            _ = OneShot(on: loop, at: now) {
                done.append(1)
                second?.cancel()
            }
            second = OneShot(on: loop, at: now) { done.append(2) }
            _ = OneShot(on: loop, at: now + .milliseconds(1)) { promise.succeed(done + [3]) }
            return promise.futureResult
        }.get()
        #expect(done == [1, 3])
    }

    @Test("it is done after the time, though nobody keeps it, and can be cancelled in vain")
    func late() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let start = NIODeadline.now()
        let count = try await loop.flatSubmit {
            let promise = loop.makePromise(of: Int.self)
            var count = 0
            var shot: OneShot?
            shot = OneShot(on: loop, in: .milliseconds(20)) {
                count += 1
                shot?.cancel()
                shot = nil
                loop.assumeIsolated().execute { promise.succeed(count) }
            }
            return promise.futureResult
        }.get()
        #expect(count == 1 && .now() - start >= .milliseconds(20))
    }
}
