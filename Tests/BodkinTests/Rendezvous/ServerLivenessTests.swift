import BodkinCore
import Testing

@testable import Bodkin

@Suite("Whether the server still answers")
struct ServerLivenessTests {
    @Test("the time for which the local peer was held up does not count, and does not go on for ever")
    func heldUp() {
        var liveness = ServerLiveness(at: .start)
        _ = liveness.begin(within: .milliseconds(150), at: .start)
        var now = Instant.start + .milliseconds(400)
        #expect(liveness.isSilent(at: now))
        liveness.heldUp(.milliseconds(250), at: now)
        #expect(!liveness.isSilent(at: now) && !liveness.isSilent(at: now + .milliseconds(149)))
        #expect(liveness.isSilent(at: now + .milliseconds(150)))
        // An answer that was unread counts.
        var answered = liveness
        answered.answered(1, at: now + .milliseconds(1))
        #expect(!answered.isSilent(at: now + .seconds(60)))
        var count = 1
        while count < 100 {
            now = now + .milliseconds(300)
            liveness.heldUp(.milliseconds(100), at: now)
            if liveness.isSilent(at: now) { break }
            count += 1
        }
        #expect(count == 8)
    }

    @Test("a probe that still has time is not concerned")
    func early() {
        var liveness = ServerLiveness(at: .start)
        _ = liveness.begin(within: .seconds(1), at: .start)
        liveness.heldUp(.seconds(5), at: .start + .milliseconds(500))
        #expect(liveness.isSilent(at: .start + .seconds(1)))
    }
}
