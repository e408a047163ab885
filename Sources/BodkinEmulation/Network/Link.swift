public import BodkinCore

/// One direction of a link.
public struct LinkParameters: Sendable, Hashable {
    /// How long a packet is on its way.
    public var delay: Duration
    /// The most that is added to the delay, uniformly; packets are never reordered by it.
    public var jitter: Duration
    /// The probability, 0 to 1, that a packet is lost.
    public var loss: Double
    /// Bits per second, or nil for no limit.
    public var rate: Int?
    /// The bytes that wait for a limited link before more are discarded.
    public var queue: Int
    /// The largest packet in bytes; larger ones are answered with an ICMP error.
    public var mtu: Int
    /// The families of which every packet is silently lost, as if IPv4 is configured and leads nowhere.
    public var broken: Set<IPAddress.Family>

    /// A direction of a link; the default is a perfect one.
    public init(
        delay: Duration = .zero, jitter: Duration = .zero, loss: Double = 0, rate: Int? = nil, queue: Int = 256 * 1024, mtu: Int = 1500,
        broken: Set<IPAddress.Family> = []
    ) {
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.rate = rate
        self.queue = queue
        self.mtu = mtu
        self.broken = broken
    }
}

extension LinkParameters {
    /// The parameters of each access link of two hosts, half of this delay each; all other values are the same.
    public var half: LinkParameters {
        var half = self
        half.delay = delay / 2
        return half
    }
}

/// One direction of a link at work: when a packet that enters now comes out, if it does.
struct Link: Sendable {
    let parameters: LinkParameters
    var isUp = true
    /// Every packet of these families is lost.
    var broken: Set<IPAddress.Family>
    /// Everything is lost until then.
    var blackholedUntil = LabInstant.start
    /// Packets are lost with this probability until then.
    var burst: (loss: Double, until: LabInstant) = (0, .start)
    private let delay: Int64
    private let jitter: Int64
    private var busyUntil = LabInstant.start
    private var lastArrival = LabInstant.start

    init(_ parameters: LinkParameters) {
        self.parameters = parameters
        broken = parameters.broken
        delay = max(0, parameters.delay.nanoseconds)
        jitter = max(0, parameters.jitter.nanoseconds)
    }

    /// When a packet of `count` bytes arrives; nil when it is lost.
    mutating func arrival(of count: Int, at now: LabInstant, _ random: inout SeededGenerator) -> LabInstant? {
        guard isUp, now >= blackholedUntil else { return nil }
        if parameters.loss > 0, random.unit() < parameters.loss { return nil }
        if now < burst.until, random.unit() < burst.loss { return nil }
        var leaves = now
        if let rate = parameters.rate, rate > 0 {
            let start = max(now, busyUntil)
            let waiting = Double(start.nanoseconds - now.nanoseconds) * Double(rate) / 8e9
            guard waiting <= Double(parameters.queue) else { return nil }
            leaves = start.advanced(byNanoseconds: Int64(Double(count) * 8e9 / Double(rate)))
            busyUntil = leaves
        }
        var arrival = leaves.advanced(byNanoseconds: delay)
        if jitter > 0 {
            arrival = max(arrival.advanced(byNanoseconds: Int64(random.unit() * Double(jitter))), lastArrival)
            lastArrival = arrival
        }
        return arrival
    }
}
