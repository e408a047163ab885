import BodkinCore
import BodkinEmulation
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

@Suite("Urgent questions to the server")
struct UrgentQuestionTests {
    // The link and the binding are asked after eight seconds of silence, and given five for the answer.
    @Test(
        "a keepalive whose answer is still waited for does not hold up the question of a peer whose path is in doubt",
        arguments: stride(from: -900, through: 600, by: 100).map { $0 })
    func overtakes(_ milliseconds: Int) throws {
        let dial = try VirtualDial(.preset(.portRestricted), .preset(.portRestricted), seed: 1)
        #expect(dial.register())
        let connection = try #require(dial.dial().connection)
        let talk = VirtualTalk(dial, on: connection)
        talk.run(for: KeepaliveSearch.first + .milliseconds(milliseconds))
        try dial.network.apply(.reboot("a"))
        talk.run(for: .seconds(8))
        #expect(talk.longestPause < .seconds(2), "\(talk.longestPause)")
    }
}
