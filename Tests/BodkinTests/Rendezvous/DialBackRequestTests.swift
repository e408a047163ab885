import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

@Suite("The rendezvous client asks for a DialBack")
struct DialBackRequestTests {
    private func answers(_ world: VirtualRendezvous) -> [WireDialedBack?] {
        world.actions.compactMap { if case .dialedBack(let answer) = $0.action { .some(answer) } else { nil } }
    }

    private func answer(_ count: Int, quota: Bool = false) -> WireDialedBack {
        var answer = WireDialedBack()
        answer.results = Array(repeating: WireDialedBack.Result(), count: count)
        answer.quota = quota
        return answer
    }

    @Test("without a registration, or where the server does not do that, the answer is there at once")
    func none() throws {
        let early = try VirtualRendezvous()
        early.give(.dialBack)
        #expect(answers(early).count == 1)
        let world = try VirtualRendezvous()
        world.dialsBack = false
        world.give(.start)
        #expect(world.run(atMost: .seconds(1)) { $0.client.isRegistered })
        world.give(.dialBack)
        #expect(answers(world).count == 1 && answers(world)[0] == nil)
    }

    @Test("the server is asked again while it knows no NAT binding, six times in all", arguments: 0...7)
    func repeated(_ empty: Int) throws {
        let world = try VirtualRendezvous.registered()
        var asked = 0
        world.lie = { body in
            guard case .dialBack = body else { return nil }
            asked += 1
            return [.dialedBack(self.answer(asked > empty ? 1 : 0))]
        }
        world.give(.dialBack)
        // A second caller gets the answer of the first one.
        world.give(.dialBack)
        world.run(for: .seconds(20))
        #expect(asked == min(empty + 1, 6))
        #expect(answers(world).count == 1 && answers(world)[0]?.results.count == (empty < 6 ? 1 : 0))
    }

    @Test("the broker's own answers: no NAT binding is known to it")
    func broker() throws {
        let world = try VirtualRendezvous.registered()
        world.give(.dialBack)
        world.run(for: .seconds(20))
        #expect(answers(world).count == 1 && answers(world)[0]?.results.isEmpty == true)
    }

    @Test("a quota, a silence of 5 s, and the end of the link end it")
    func ends() throws {
        let world = try VirtualRendezvous.registered()
        world.lie = { if case .dialBack = $0 { [.dialedBack(self.answer(0, quota: true))] } else { nil } }
        world.give(.dialBack)
        world.run(for: .seconds(1))
        #expect(answers(world).count == 1 && answers(world)[0]?.quota == true)

        world.lie = { if case .dialBack = $0 { [] } else { nil } }
        world.give(.dialBack)
        world.run(for: .milliseconds(4_999))
        #expect(answers(world).count == 1)
        world.run(for: .milliseconds(1))
        #expect(answers(world).count == 2)

        world.give(.dialBack)
        world.resetLink()
        world.run(for: .milliseconds(1))
        #expect(answers(world).count == 3 && answers(world)[2] == nil)
        // An answer that nobody has asked for is nobody's.
        world.hear(.dialedBack(answer(1)))
        #expect(answers(world).count == 3)
    }
}
