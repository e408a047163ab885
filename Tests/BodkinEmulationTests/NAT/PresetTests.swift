import BodkinCore
import BodkinEmulation
import Testing

@Suite("Presets behave as their one line says")
struct PresetTests {
    /// How ports come out for the local ports 5000, 5001 and 7000.
    enum Ports { case equal, sequential(Int), dependent, block, random }

    /// What a probe from outside, and a second destination, show of one box.
    struct Row: Sendable, CustomTestStringConvertible {
        var preset: NATPreset
        var layer = 0
        /// Whether another destination sees the same external endpoint.
        var isCone = true
        var ports = Ports.equal
        var letsInOtherPort = false
        var letsInStranger = false
        var refusal = Refusal.silence
        var testDescription: String { "\(preset.rawValue)[\(layer)]" }
    }

    static let rows: [Row] = [
        Row(preset: .firewall),
        Row(preset: .fullCone, letsInOtherPort: true, letsInStranger: true),
        Row(preset: .restricted, letsInOtherPort: true),
        Row(preset: .portRestricted),
        Row(preset: .portRestrictedRST, refusal: .reset),
        Row(preset: .portRestrictedICMP, refusal: .unreachable),
        Row(preset: .rstKills, refusal: .reset),
        Row(preset: .randomCone, ports: .random),
        Row(preset: .masquerade),
        Row(preset: .symmetricSequential, isCone: false, ports: .sequential(1)),
        Row(preset: .symmetricNoisy, isCone: false, ports: .sequential(2)),
        Row(preset: .symmetricDependent, isCone: false, ports: .dependent),
        Row(preset: .symmetricBlock, isCone: false, ports: .block),
        Row(preset: .symmetricRandom, isCone: false, ports: .random),
        Row(preset: .cgn, layer: 0),
        Row(preset: .cgn, layer: 1, letsInOtherPort: true, letsInStranger: true),
        Row(preset: .cgnBlock, layer: 0),
        Row(preset: .cgnBlock, layer: 1, isCone: false, ports: .block),
        Row(preset: .udpBlocked),
        Row(preset: .only443),
    ]

    @Test("every preset is among the rows, each box once, except the one without a box")
    func complete() {
        #expect(NATPreset.open.layers.isEmpty)
        let boxes = NATPreset.allCases.flatMap { preset in preset.layers.indices.map { "\(preset.rawValue)[\($0)]" } }
        #expect(Set(boxes) == Set(Self.rows.map(\.testDescription)) && boxes.count == Self.rows.count)
    }

    @Test("it maps as its line says", arguments: rows)
    func mapping(row: Row) {
        let bench = Bench(row.preset.layers[row.layer])
        let isSame = bench.external() == bench.external(towards: "198.51.100.2:443")
        #expect(isSame == row.isCone)
        #expect((bench.nat.externalAddress == nil) == (row.preset == .firewall))
    }

    @Test("it filters as its line says", arguments: rows)
    func filtering(row: Row) throws {
        let bench = Bench(row.preset.layers[row.layer])
        let external = try #require(bench.external())
        #expect(bench.receive(from: Bench.serverOtherPort, at: external).isPassed == row.letsInOtherPort)
        let stranger = bench.receive(from: Bench.stranger, at: external)
        #expect(stranger.isPassed == row.letsInStranger)
        #expect(bench.receive(from: Bench.stranger, at: Endpoint(external.address, external.port ^ 1)).refusal == row.refusal)
        #expect(bench.receive(from: Bench.server, at: external).isPassed, "a crossing SYN")
    }

    @Test("it allocates as its line says", arguments: rows)
    func allocation(row: Row) {
        let bench = Bench(row.preset.layers[row.layer], seed: 4)
        let ports = [5000, 5001, 7000].compactMap { bench.external(of: Endpoint("192.168.1.10", $0)).map { Int($0.port) } }
        let steps = zip(ports, ports.dropFirst()).map { $1 - $0 }
        switch row.ports {
        case .equal: #expect(ports == [5000, 5001, 7000])
        case .sequential(let delta): #expect(steps == [delta, delta])
        case .dependent: #expect(steps[0] == 1 && steps[1] != 1)
        case .block: #expect(Set(ports.map { ($0 - 1024) / 512 }).count == 1 && Set(steps).count == 2 && steps != [1, 1])
        case .random: #expect(steps.allSatisfy { abs($0) > 2 } && ports[0] != 5000 && Set(ports.map { ($0 - 1024) / 512 }).count > 1)
        }
    }

    @Test("only those that say so keep UDP, or TCP to other ports than 443, inside", arguments: rows)
    func allowed(row: Row) {
        let bench = Bench(row.preset.layers[row.layer])
        #expect(bench.send(over: .udp).isPassed == ![.udpBlocked, .only443].contains(row.preset))
        #expect(bench.send(to: "198.51.100.1:80").isPassed == (row.preset != .only443))
        #expect(bench.send(to: "198.51.100.1:443").isPassed)
    }

    @Test(
        "an RST from outside deletes the session at once behind rst-kills, after 10 s behind masquerade, and nowhere else", arguments: rows)
    func resets(row: Row) throws {
        let bench = Bench(row.preset.layers[row.layer])
        let external = try #require(bench.connect())
        bench.receive(at: external, .rst)
        #expect(bench.receive(at: external, .ack).isPassed == (row.preset != .rstKills))
        bench.wait(.seconds(20))
        #expect(bench.receive(at: external, .ack).isPassed == ![.rstKills, .masquerade].contains(row.preset))
    }

    @Test("masquerade behaves as Linux: two hosts share a port towards different remotes, and connections are adopted")
    func masquerade() {
        let bench = Bench(NATPreset.masquerade.layers[0])
        bench.send(from: Bench.host, to: Bench.server)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.stranger)?.port == 5000)
        #expect(bench.send(from: "192.168.1.12:9", to: Bench.server, .ack).isPassed)
    }

    @Test("symmetric-noisy is shifted by about 20 allocations a second")
    func noisy() throws {
        let bench = Bench(NATPreset.symmetricNoisy.layers[0])
        let first = try #require(bench.external(of: "192.168.1.10:1"))
        bench.wait(.seconds(100))
        let second = try #require(bench.external(of: "192.168.1.10:2"))
        let shift = (Int(second.port) - Int(first.port) + 64_512) % 64_512 / 2
        #expect((1800...2200).contains(shift))
    }

    @Test("names are those of the command line, and every preset has a line of its own")
    func names() {
        #expect(
            NATPreset(rawValue: "port-restricted-icmp") == .portRestrictedICMP && NATPreset(rawValue: "symmetric-noisy") == .symmetricNoisy)
        #expect(Set(NATPreset.allCases.map(\.summary)).count == NATPreset.allCases.count)
    }
}
