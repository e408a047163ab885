import BodkinCore
import BodkinEmulation

/// Makes packets of every kind between a few endpoints, answers what has been delivered, and spoils half of all that.
struct PacketGenerator: Sendable {
    /// The external address of the tables that are driven.
    static let external = IPAddress(v4: 0xCB00_710B)

    private var random: SeededGenerator
    private let addresses: [IPAddress]
    private let addresses6: [IPAddress]
    /// Packets that arrived somewhere, to be answered.
    private var answered: [Packet] = []
    private static let memory = 64

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let topology = FuzzedNetworks.topology(LinkParameters(), 0)
        addresses = topology.interfaces.flatMap(\.addresses) + topology.boxes.map(\.external)
        addresses6 = topology.interfaces.flatMap(\.addresses6)
    }

    static func isInside(_ address: IPAddress) -> Bool { address.v4.map { $0 >> 16 == 0xC0A8 } ?? true }

    /// Notes a packet that arrived, for later answers.
    mutating func remember(_ packet: Packet) {
        if answered.count < Self.memory { answered.append(packet) } else { answered[below(Self.memory)] = packet }
    }

    /// The next byte string, and whether it was spoilt.
    mutating func next() -> (bytes: [UInt8], isMutated: Bool) {
        if below(100) == 0 { return (noise(below(200)), true) }
        var bytes = good()
        if below(5) < 3 { return (bytes, false) }
        for _ in 0...below(3) { mutate(&bytes) }
        return (bytes, true)
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    mutating func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    private mutating func good() -> [UInt8] {
        let quoted = answered.isEmpty ? nil : answered[below(answered.count)]
        if below(3) > 0, let quoted { return answer(quoted) }
        let isV4 = below(4) > 0
        let message = self.message(Flow(transport(), from: endpoint(isV4), to: endpoint(isV4)))
        return below(8) == 0 ? fragment(message) : message
    }

    /// What the receiver of a packet might send back: a segment, a datagram, or an error about it.
    private mutating func answer(_ packet: Packet) -> [UInt8] {
        let flow = packet.summary.flow
        guard below(5) == 0 else { return message(flow.reversed) }
        let isV4 = flow.source.address.family == .v4
        let types: [UInt8] = isV4 ? [3, 11, 12] : [1, 2, 3, 4]
        let count = below(3) == 0 ? min(packet.count, isV4 ? 28 : 48) : min(packet.count, 500)
        let body = [types[below(types.count)], UInt8(below(5)), 0, 0] + noise(4) + packet.bytes.prefix(count)
        return Packet.make(isV4 ? 1 : 58, body, checksumAt: 2, from: flow.destination.address, to: flow.source.address)?.bytes ?? []
    }

    private mutating func transport() -> TransportProtocol {
        let choices: [TransportProtocol] = [.tcp, .tcp, .tcp, .udp, .udp, .icmp]
        return choices[below(choices.count)]
    }

    private mutating func endpoint(_ isV4: Bool) -> Endpoint {
        let ports: [UInt16] = [443, 80, 5000, 5001, 5002, 0, 1000, UInt16(truncatingIfNeeded: random.next())]
        let choices = isV4 ? addresses : addresses6
        return Endpoint(choices[below(choices.count)], ports[below(ports.count)])
    }

    private mutating func message(_ flow: Flow) -> [UInt8] {
        let payload = noise(below(below(50) == 0 ? 1600 : 40))
        var body = words(flow.source.port) + words(flow.destination.port)
        var place = 16
        switch flow.transport {
        case .tcp:
            let flags: [UInt8] = [2, 2, 2, 0x12, 0x10, 0x10, 0x18, 0x11, 4, 0x14, UInt8(below(256))]
            let options: [[UInt8]] = [
                [], [2, 4, 5, 180], [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], [1, 8, 10, 9, 9, 9, 9, 0, 0, 0, 0, 0], noise(8),
            ]
            let chosen = options[below(options.count)]
            body += noise(8) + [UInt8(20 + chosen.count) << 2, flags[below(flags.count)]] + noise(2) + [0, 0, 0, 0] + chosen + payload
        case .udp:
            body += words(UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0] + payload
            place = 6
        case .icmp:
            let isV4 = flow.source.address.family == .v4
            let isReply = flow.source.port == 0
            let identifier = isReply ? flow.destination.port : flow.source.port
            body = [isV4 ? (isReply ? 0 : 8) : (isReply ? 129 : 128), 0, 0, 0] + words(identifier) + noise(2) + payload
            place = 2
        }
        let upper: UInt8 = flow.transport == .icmp ? (flow.source.address.family == .v4 ? 1 : 58) : flow.transport.rawValue
        guard var bytes = Packet.make(upper, body, checksumAt: place, from: flow.source.address, to: flow.destination.address)?.bytes else {
            return []
        }
        if flow.transport == .udp { finish(&bytes, flow.source.address.family) }
        if below(20) == 0 { setHops(&bytes, UInt8(below(4))) }
        return bytes
    }

    /// Some datagrams without a checksum; and one that comes to zero is sent as ones (RFC 768).
    private mutating func finish(_ bytes: inout [UInt8], _ family: IPAddress.Family) {
        let place = family == .v4 ? 26 : 46
        if family == .v4 && below(8) == 0 { bytes.setWord(place, 0) } else if bytes.word(place) == 0 { bytes.setWord(place, 0xFFFF) }
    }

    private func setHops(_ bytes: inout [UInt8], _ hops: UInt8) {
        guard bytes[0] >> 4 == 4 else { return bytes[7] = hops }
        let old = bytes.word(8)
        bytes[8] = hops
        bytes.setWord(10, Checksum.updated(bytes.word(10), old, bytes.word(8)))
    }

    /// The first or a later fragment of a packet.
    private mutating func fragment(_ bytes: [UInt8]) -> [UInt8] {
        let isFirst = below(2) == 0
        guard bytes[0] >> 4 == 4 else {
            var bytes = bytes
            bytes.insert(contentsOf: [bytes[6], 0, 0, isFirst ? 1 : 8, 0, 0, 0, UInt8(below(4))], at: 40)
            bytes[6] = 44
            bytes.setWord(4, UInt16(truncatingIfNeeded: bytes.count - 40))
            return bytes
        }
        var bytes = bytes
        bytes.setWord(4, UInt16(below(4)))
        bytes.setWord(6, isFirst ? 0x2000 : 3)
        bytes.setWord(10, 0)
        bytes.setWord(10, Checksum.of(bytes[..<20]))
        return bytes
    }

    /// A change for the worse.
    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        switch below(7) {
        case 0: bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
        case 2: bytes[below(min(bytes.count, 48))] = UInt8(truncatingIfNeeded: random.next())
        case 3: bytes.removeLast(below(bytes.count) + 1)
        case 4: bytes += noise(below(60))
        case 5: shorten(&bytes)
        default: bytes.insert(contentsOf: noise(below(8)), at: below(bytes.count))
        }
    }

    /// Another length field, the bytes as they are.
    private mutating func shorten(_ bytes: inout [UInt8]) {
        let place = bytes[0] >> 4 == 4 ? 2 : 4
        guard bytes.count > place + 1 else { return }
        bytes.setWord(place, UInt16(truncatingIfNeeded: below(bytes.count + 8)))
    }

    private func words(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
}
