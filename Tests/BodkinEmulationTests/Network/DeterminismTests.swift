import BodkinCore
import BodkinEmulation
import Testing

@Suite("Determinism")
struct DeterminismTests {
    /// Everything that happened to a few hundred packets on a lossy network between two hosts behind random NATs.
    private static func timeline(seed: UInt64) throws -> [LabEvent] {
        var link = LinkParameters(delay: .milliseconds(25), jitter: .milliseconds(5), loss: 0.1)
        link.rate = 1_000_000
        let world = World(.symmetricNoisy, .cgnBlock, link: link, seed: seed)
        for number in 0..<200 as Range<UInt16> {
            if number == 100 { try world.network.apply(.reboot("a"), at: world.now) }
            for host in ["a", "b"] {
                let source = Endpoint(world.address(host), 5000 + number % 50)
                world.send(Wire.tcp(source, Endpoint(world.address("server"), 443 + number), number % 2 == 0 ? .syn : .ack), from: host)
            }
            for arrival in world.wait(.milliseconds(3)) where arrival.host == "server" {
                world.send(
                    Wire.tcp(
                        arrival.packet.summary.flow.destination, arrival.packet.summary.flow.source, number % 5 == 0 ? .rst : [.syn, .ack]),
                    from: "server")
            }
        }
        world.wait(.seconds(1))
        return world.network.takeEvents()
    }

    @Test("one seed, one timeline", arguments: 0..<5 as Range<UInt64>)
    func same(seed: UInt64) throws {
        let first = try Self.timeline(seed: seed)
        #expect(first.count > 500)
        #expect(first == (try Self.timeline(seed: seed)))
    }

    @Test("another seed, another timeline")
    func different() throws { #expect(try Self.timeline(seed: 1) != Self.timeline(seed: 2)) }

    @Test("the generator is SplitMix64: the published sequence for seed 1234567")
    func splitMix() {
        var random = SeededGenerator(seed: 1_234_567)
        let values = (0..<5).map { _ in random.next() }
        #expect(
            values == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ])
    }
}
