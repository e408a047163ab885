import BodkinCore
import Testing

@Suite("Instants")
struct InstantTests {
    @Test("an instant and a time make a later one, and two instants the time between them")
    func arithmetic() {
        let now = Instant.start + .seconds(3)
        #expect(now - Instant.start == .seconds(3))
        #expect(Instant.start - now == .seconds(-3))
        #expect(now - .seconds(1) == Instant(sinceStart: .seconds(2)))
        #expect(Instant.start < now)
    }
}
