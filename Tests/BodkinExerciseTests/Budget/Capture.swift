import BodkinCore
import BodkinNATLab
import FoundationEssentials

/// What crossed the core of a lab, read back from its capture: endpoints are those that the Internet sees.
struct Capture {
    /// A packet at the core.
    struct Record {
        /// Nanoseconds of the time of day.
        let time: Int64
        /// In bytes, with the IP header.
        let size: Int
        let packet: PacketSummary
    }

    let records: [Record]

    /// Reads a file in the pcap format with nanoseconds, as the lab writes it on this machine.
    init(path: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        func word(_ offset: Int) -> Int { bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
        guard bytes.count >= 24, word(0) == 0xA1B2_3C4D else { throw Missing(description: "the capture's header") }
        var (records, offset) = ([Record](), 24)
        while offset + 16 <= bytes.count {
            let (start, length) = (offset + 16, word(offset + 8))
            guard start + length <= bytes.count else { break }
            let time = Int64(word(offset)) * 1_000_000_000 + Int64(word(offset + 4))
            if let packet = Packet(Array(bytes[start..<start + length])) { records.append(Record(time: time, size: length, packet: packet.summary)) }
            offset = start + length
        }
        self.records = records
    }

    /// The connection requests from one address to another, repetitions included.
    func requests(from source: IPAddress, to destination: IPAddress) -> [Record] {
        records.filter {
            $0.packet.isConnectionRequest && $0.packet.flow.source.address == source && $0.packet.flow.destination.address == destination
        }
    }

    /// The first request of each 4-tuple, in the order in which they came.
    func probes(from source: IPAddress, to destination: IPAddress) -> [Record] {
        var seen: Set<Flow> = []
        return requests(from: source, to: destination).filter { seen.insert($0.packet.flow).inserted }
    }

    /// The most 4-tuples at one moment that were asked for and had no answer yet. One that is given up silently counts until the end, since no packet
    /// tells: the figure is never too small.
    func mostHalfOpen(from source: IPAddress, to destination: IPAddress) -> Int {
        let probes = probes(from: source, to: destination)
        let asked = Dictionary(uniqueKeysWithValues: probes.map { ($0.packet.flow, $0.time) })
        var answered: [Flow: Int64] = [:]
        for record in records {
            let flow = record.packet.flow.reversed
            guard let time = asked[flow], record.time >= time, answered[flow] == nil else { continue }
            answered[flow] = record.time
        }
        let changes = asked.values.map { ($0, 1) } + answered.values.map { ($0, -1) }
        var (open, most) = (0, 0)
        // At one moment a request counts before an answer.
        for (_, change) in changes.sorted(by: { ($0.0, -$0.1) < ($1.0, -$1.1) }) {
            open += change
            most = max(most, open)
        }
        return most
    }

    /// The external ports that anything was ever sent from.
    func ports(of address: IPAddress) -> Set<UInt16> {
        Set(records.map(\.packet.flow).filter { $0.transport == .tcp && $0.source.address == address }.map(\.source.port))
    }

    /// When the last packet of any 4-tuple but this one went from one address to another; nil where none did.
    func last(from source: IPAddress, to destination: IPAddress, except winner: Flow?) -> Int64? {
        records.last {
            let flow = $0.packet.flow
            return flow.source.address == source && flow.destination.address == destination && flow != winner
        }?.time
    }

    /// The 4-tuple from one address to another that was used last, requests aside: the one that carried the connection up to its end.
    func lastSpoken(from source: IPAddress, to destination: IPAddress) -> Flow? {
        records.last {
            let flow = $0.packet.flow
            return flow.source.address == source && flow.destination.address == destination && !$0.packet.isConnectionRequest
        }?.packet.flow
    }
}
