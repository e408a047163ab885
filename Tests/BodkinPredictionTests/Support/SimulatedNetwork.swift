import BodkinCore
import BodkinPrediction

@testable import BodkinEmulation

/// A host behind the lab's NATs that carries out sampling plans in virtual time.
struct SimulatedNetwork {
    /// What happens to the order of a batch.
    enum Order: String, CaseIterable, Sendable {
        /// It arrives as it was sent, as planned.
        case kept
        /// The way to the NAT takes up to 3 ms longer for one than for another, so that neighbours change places now and then.
        case swapped
        /// The way from the NAT to the server and back takes up to 20 ms longer for one than for another.
        case jittered
        /// It was sent all at once, and the way to the NAT takes up to 5 ms longer for one than for another: any order.
        case shuffled

        var spacing: Duration { self == .shuffled ? .microseconds(100) : SamplingPlan.spacing }
        /// Milliseconds.
        var inner: Double { self == .swapped ? 3 : self == .shuffled ? 5 : 0 }
        /// Milliseconds.
        var outer: Double { self == .jittered ? 20 : 0 }
    }

    static let servers: [Endpoint] = ["198.51.100.1:443", "198.51.100.1:3478", "198.51.100.2:443", "198.51.100.2:3478"]
    static let external: IPAddress = "203.0.113.1"
    static let further: [IPAddress] = ["198.18.1.1", "198.18.1.2", "198.18.1.3"]

    private var tables: [NATTable]
    let host: IPAddress
    var now = Duration.zero
    var random: SeededGenerator
    /// From the NAT to the server and back.
    var roundTrip = Duration.milliseconds(50)

    init(_ layers: [NATParameters], seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let isPublic = layers.allSatisfy { !$0.translates }
        host = isPublic ? "203.0.113.77" : "192.168.1.10"
        var generator = random
        tables = layers.enumerated().map { depth, parameters in
            let address: IPAddress = depth == layers.count - 1 ? Self.external : "100.64.0.7"
            return NATTable(parameters, externalAddress: address, furtherAddresses: Self.further, seed: generator.next())
        }
        random = generator
    }

    var localAddresses: Set<IPAddress> { [host] }

    /// The external endpoint of a SYN that leaves now.
    mutating func external(of port: UInt16, towards destination: Endpoint) -> Endpoint? {
        var source = Endpoint(host, port)
        for index in tables.indices {
            let packet = PacketSummary(Flow(.tcp, from: source, to: destination), flags: .syn)
            guard case .passed(let translation) = tables[index].outbound(packet, at: .start.advanced(by: now)) else { return nil }
            source = translation.source
        }
        return source
    }

    /// The samples of a plan, batch after batch, in the order of sending. Each SYN, or its answer, is lost with the probability `loss`.
    mutating func run(_ plan: SamplingPlan, base: UInt16, order: Order = .kept, loss: Double = 0) -> [AllocationSample] {
        plan.batches.flatMap { batch -> [AllocationSample] in
            var samples: [AllocationSample] = []
            let start = now
            let sent = batch.indices.map { start + order.spacing * $0 }
            let arrived = sent.map { $0 + .milliseconds(0.3 + order.inner * random.unit()) }
            for index in batch.indices.sorted(by: { arrived[$0] < arrived[$1] }) {
                now = arrived[index]
                guard random.unit() >= loss / 2, let port = UInt16(exactly: Int(base) + Int(batch[index].offset)),
                    let seen = external(of: port, towards: batch[index].destination), random.unit() >= loss / 2
                else { continue }
                let sample = AllocationSample(
                    localPort: port, destination: batch[index].destination, external: seen, sent: sent[index],
                    answered: now + roundTrip + .milliseconds(order.outer * random.unit()))
                samples.append(sample)
            }
            now += roundTrip + .milliseconds(21)
            return samples.sorted { $0.sent < $1.sent }
        }
    }

    /// The estimate from one quick look.
    mutating func quickEstimate(order: Order = .kept, isThorough: Bool = false, loss: Double = 0) -> AllocationEstimate {
        now += .seconds(1)
        let base = UInt16.random(in: 20_000...60_000, using: &random)
        var samples = run(.quick(towards: Self.servers), base: base, order: order, loss: loss)
        if isThorough { samples += run(.thorough(towards: Self.servers), base: base, order: order, loss: loss) }
        return AllocationEstimate(samples, localAddresses: localAddresses)
    }
}
