import BodkinCore
import BodkinEmulation
import BodkinExercise
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// The lab's cells of two NATs, dialed in virtual time: what their reports say, and that bytes go the way that they name.
@Suite("Virtual cells")
struct VirtualCellTests {
    @Test(
        "a cell ends as its networks allow, with its verdict, and carries bytes", arguments: PeerCell.pairs + PeerCell.symmetric + PeerCell.predicted)
    func met(_ cell: PeerCell) throws {
        let dial = try VirtualDial(cell.topology(LinkParameters(delay: .milliseconds(25)), 1), serverAddresses: 2)
        #expect(dial.register())
        // The peers learn how their NATs give out ports.
        dial.network.run(for: .seconds(1))
        let call = dial.dial()
        let connection = try #require(call.connection, "\(String(describing: call.error))")
        let report = try #require(call.report)
        #expect(cell.isMet(by: report), "\(report)")
        // The Meet has nine instants; a peer out of reach gets no more SYNs than that.
        if cell.verdict != nil { #expect(report.attempts.allSatisfy { $0.shots <= MeetSchedule.instants.count }, "\(report)") }
        #expect((report.timeToDirect != nil) == (cell.route == .direct))
        if let direct = report.timeToDirect, let first = report.timeToFirstPath { #expect(direct >= first, "\(report)") }
        let talk = VirtualTalk(dial, on: connection)
        talk.run(for: .seconds(1))
        // A line of 16 bytes every tenth of a second, and a circuit's echo takes as long.
        #expect(talk.echoed >= 100, "\(talk.echoed) bytes")
        #expect((connection.recordHere?.driver.activePath?.kind == .tcp) == (cell.route == .direct))
    }
}
