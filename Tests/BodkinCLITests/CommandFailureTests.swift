import Testing

@testable import Bodkin
@testable import BodkinCLI

@Suite("exit statuses")
struct CommandFailureTests {
    @Test("a peer's errors keep their words, and have the statuses of docs/events.md")
    func peers() {
        let statuses: [(PeerError.Code, Int32)] = [
            (.unavailable, 68), (.unresponsive, 75), (.quota, 75), (.unreachable, 69), (.ourselves, 64), (.refused, 77), (.serverLost, 75),
            (.closed, 75),
        ]
        for (code, status) in statuses {
            let failure = CommandFailure(PeerError(code, "what failed: what to do"))
            #expect(failure.status == status && failure.message == "what failed: what to do", "\(code)")
        }
    }
}
