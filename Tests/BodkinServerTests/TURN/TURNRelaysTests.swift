import BodkinCore
import BodkinIdentity
import BodkinProtocols
import Testing

@testable import BodkinServer

@Suite("The TURN relays of a server")
struct TURNRelaysTests {
    @Test("each peer has credentials of its own, for each relay and secret, that end after a day")
    func credentials() throws {
        let addresses = [try TURNURI("turn:relay1.test"), try TURNURI("turns:relay2.test:443")]
        let relays = try #require(TURNRelays(addresses, secrets: [Array("new".utf8), Array("old".utf8)]))
        let peers = [try Identity.create().peerID, try Identity.create().peerID]
        let messages = peers.map { relays.message(for: $0, at: 1_000) }
        #expect(messages[0].relays.map(\.uri) == addresses.flatMap { ["\($0)", "\($0)"] })
        #expect(messages[0].relays.allSatisfy { $0.username.hasPrefix("87400:") } && messages[0].relays[0].username != messages[1].relays[0].username)
        #expect(messages[0].relays[0].password != messages[0].relays[1].password && messages[0].relays[0].password == messages[0].relays[2].password)
        let known = TURNCredential.timeLimited(secret: Array("old".utf8), name: String(messages[0].relays[1].username.dropFirst(6)), until: 87_400)
        #expect(messages[0].relays[1].password == known.password)
    }

    @Test("none, too many, and an empty secret are refused")
    func bounds() throws {
        let (one, secret) = (try TURNURI("turn:relay.test"), Array("s".utf8))
        #expect(TURNRelays([], secrets: [secret]) == nil && TURNRelays([one], secrets: []) == nil && TURNRelays([one], secrets: [[]]) == nil)
        #expect(TURNRelays(Array(repeating: one, count: 5), secrets: [secret]) == nil && TURNRelays([one], secrets: [secret, secret, secret]) == nil)
        #expect(TURNRelays(Array(repeating: one, count: 4), secrets: [secret, secret]) != nil)
    }
}
