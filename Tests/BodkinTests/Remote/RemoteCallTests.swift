import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

/// Those who wait for a connection to one remote peer.
@Suite("Calls to a remote peer")
struct RemoteCallTests {
    @Test("one dial serves all who call, and its connection goes to each")
    func shared() {
        let bench = RemoteBench()
        #expect(bench.call("anna") == ["dial"])
        #expect(bench.call("ben") == [])
        let session = bench.addSession("s")
        #expect(bench.feed(.session(session, .connected)) == ["deliver s to anna, ben"])
        #expect(bench.call("carl") == ["deliver s to carl"])
    }

    @Test("who calls joins the session that is best off")
    func joins() {
        let bench = RemoteBench()
        bench.addSession("pathless") { $0.activePath = nil }
        #expect(bench.call("anna") == ["deliver pathless to anna"])
        bench.now = .start + .seconds(1)
        bench.addSession("relayed", on: .circuit)
        bench.addSession("tentative") { ($0.isOffer, $0.isConfirmed) = (true, false) }
        #expect(bench.call("ben") == ["deliver relayed to ben"])
        bench.addSession("direct")
        bench.now = .start + .seconds(2)
        bench.addSession("later")
        bench.now = .start + .seconds(3)
        bench.addSession("closing") { $0.isClosing = true }
        #expect(bench.call("carl") == ["deliver later to carl"])
    }

    @Test("the last one who gives up ends the dial, unless the remote peer may have its session already")
    func cancellation() {
        let bench = RemoteBench()
        _ = bench.call("anna")
        _ = bench.call("ben")
        #expect(bench.cancel("anna") == ["fail anna: cancelled"])
        #expect(bench.cancel("anna") == [])
        #expect(bench.cancel("ben") == ["fail ben: cancelled", "fail ours"])
        #expect(bench.context.dials.isEmpty && bench.remote.isIdle)
        let tentative = RemoteBench()
        _ = tentative.call("anna")
        let session = tentative.addSession("s") { ($0.isOffer, $0.isConfirmed) = (true, false) }
        tentative.change(tentative.context.dials[0].id) { ($0.session, $0.isTentative) = (session, true) }
        #expect(tentative.cancel("anna") == ["fail anna: cancelled"])
        tentative.change(session) { $0.isConfirmed = true }
        #expect(tentative.feed(.session(session, .confirmed)) == ["confirm ours"])
        #expect(tentative.feed(.session(session, .connected)) == ["incoming s"])
    }

    @Test("a dial that fails, or ends without a word, fails all who wait; one that begins anew does not")
    func failure() {
        let bench = RemoteBench()
        _ = bench.call("anna")
        #expect(bench.feed(.dialFailed(CancellationError())) == ["fail anna: cancelled"])
        let anew = RemoteBench()
        _ = anew.call("anna")
        let (former, successor) = (anew.context.dials[0].id, anew.addDial("successor"))
        anew.feed(.dialReplaced(former, by: successor))
        anew.end(former)
        #expect(anew.take() == [])
        anew.end(successor)
        #expect(anew.take() == ["fail anna"])
    }

    @Test("a dial that asks for a forecast alone serves nobody who calls")
    func forecast() {
        let bench = RemoteBench()
        let query = bench.addDial("query") { $0.purpose = .forecast }
        #expect(bench.call("anna") == ["dial"])
        bench.end(query)
        #expect(bench.take() == [])
        // Nor does it let anybody in.
        bench.addDial("query") { $0.purpose = .forecast }
        bench.context.isAdmitted = false
        bench.context.dials.removeAll(where: \.isOpen)
        #expect(bench.open(.start) == ["refuse: refused"])
    }
}
