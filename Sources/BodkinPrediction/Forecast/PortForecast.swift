public import BodkinCore

/// What one side knows of the external ports that its next connections get: what it tells the other side for one round.
public struct PortForecast: Hashable, Sendable {
    /// How the ports come about.
    public enum Ports: Hashable, Sendable {
        /// Every connection from the reserved port has the endpoint that the server sees, wherever it goes.
        case kept
        /// Each new connection has the port of the last one plus `delta`. `count` connections are opened, of which the other side aims at the one of this index.
        case counted(delta: Int, count: Int, index: Int)
        /// Any port of the range; `count` connections are opened at most. `isBlock`: the range is a subscriber's own small part.
        case drawn(ClosedRange<UInt16>, count: Int, isBlock: Bool)
        /// Nothing is known.
        case unknown
    }

    /// The external address.
    public var address: IPAddress
    /// The port seen last; of one that draws, the one that the other side aims at where it can aim at one only.
    public var port: UInt16
    /// How the ports come about.
    public var ports: Ports

    /// A forecast from its parts.
    public init(address: IPAddress, port: UInt16, ports: Ports) {
        self.address = address
        self.port = port
        self.ports = ports
    }

    /// The port of the probe that the other side aims at, of one that counts; else ``port``.
    public var target: UInt16 {
        guard case .counted(let delta, _, let index) = ports else { return port }
        return port(at: index, delta)
    }

    /// The port of probe `index` of one that counts, round the ports that NATs give out.
    private func port(at index: Int, _ delta: Int) -> UInt16 {
        let ring = PortRing()
        return ring.port(Int(port), advancedBy: (index % ring.count + 1) * (delta % ring.count))
    }

    /// The ports that one probe may have, the most probable first, of one that counts.
    public var guesses: [UInt16] {
        guard case .counted(let delta, let count, _) = ports else { return [] }
        return (0..<count).map { port(at: $0, delta) }
    }
}

extension PortForecast.Ports {
    /// Whether they are drawn from a subscriber's own small part of the range.
    fileprivate var isBlock: Bool { if case .drawn(_, _, true) = self { true } else { false } }

    /// What follows from how ports were seen to be given out, where they are not kept; ``unknown`` where nothing does.
    /// - Parameters:
    ///   - time: from the sample to the burst, of an allocator that counts.
    ///   - share: how many ports of a household's block may still be taken, of one that draws from such.
    public init(_ estimate: AllocationEstimate?, within time: Duration, ofBlock share: Int) {
        self = .unknown
        switch estimate?.allocation {
        case .sequential?, .dependent?, .preserving?:
            guard let window = AimWindow(noise: estimate?.noise ?? .supposed, time: time) else { return }
            // The local ports of a burst are consecutive: where the external ones follow from them, they are, too.
            self = .counted(delta: estimate?.allocation.delta ?? 1, count: window.count, index: window.index)
        case .random(let range)?: self = .drawn(range, count: PunchRound.opened, isBlock: false)
        case .block(let range)?: if share >= BlockShare.least { self = .drawn(range, count: share, isBlock: true) }
        case .equal?, .unknown?, nil: break
        }
    }
}

/// What one side does in a round, given both forecasts. Each side works out its own part; the two parts fit.
public struct PunchRound: Hashable, Sendable {
    /// One side's part.
    public enum Action: Hashable, Sendable {
        /// From that many fresh local ports to one external endpoint of the other side.
        case burst(count: Int, to: Endpoint)
        /// From the reserved port to these endpoints.
        case guess([Endpoint])
    }

    /// Ports opened by whoever draws from the whole range, and guesses by the other side: of 64 512, the two meet with 99.97 %.
    static let opened = 512
    static let guessed = 1024
    /// Of a block a sixteenth is opened towards a known port, within these bounds: 32 of 512 and 256 guesses meet with any certainty, and leave ports for more dials.
    static let openedOfBlock = 16...64
    static let guessedOfBlock = 256

    /// What to do.
    public let action: Action
    /// Whether the other side, which guesses, has to have fired before: its NAT may answer what comes too early by an RST.
    public let isSecond: Bool
    /// Whether one side guesses and the other has fresh ports, so that it matters which of the two fires first.
    public let isOrdered: Bool
    /// The probability that the two parts meet, as far as ports decide.
    public let probability: Double
    /// Whether nothing is left for another round: a side spends all that it may take of its household's block, which NATs keep for minutes.
    public let isLast: Bool

    /// Whether this side fires after the other in the round of this number, from 1.
    ///
    /// The guesses go out first in the first round, because a NAT may answer a SYN that comes before them by an RST. The second round tries the other order, because
    /// a NAT that lets only SYN-ACKs in lets no guess be answered unless the ports guessed at are open.
    public func waits(inRound round: Int) -> Bool { isOrdered && isSecond == (round % 2 == 1) }

    /// This side's part; nil where nothing is to be gained.
    /// - Parameter random: draws the guesses.
    public init?(own: PortForecast, far: PortForecast, using random: inout some RandomNumberGenerator) {
        guard own.address.family == far.address.family else { return nil }
        let endpoint = Endpoint(far.address, far.target)
        isOrdered = (own.ports == .kept) != (far.ports == .kept)
        isLast = own.ports != .kept && far.ports != .kept && (own.ports.isBlock || far.ports.isBlock)
        switch (own.ports, far.ports) {
        case (.counted(_, let count, _), .counted):
            (action, isSecond, probability) = (.burst(count: count, to: endpoint), false, 0.98)
        case (.counted, .kept):
            (action, isSecond, probability) = (.burst(count: 1, to: endpoint), true, 0.98)
        case (.kept, .counted):
            (action, isSecond, probability) = (.guess(far.guesses.map { Endpoint(far.address, $0) }), false, 0.98)
        case (.drawn(let range, let count, let isBlock), .kept):
            let (opened, guessed) = Self.sizes(range, count, isBlock: isBlock)
            (action, isSecond) = (.burst(count: opened, to: endpoint), true)
            probability = Collision.probability(open: opened, guesses: guessed, range: range.count)
        case (.kept, .drawn(let range, let count, let isBlock)):
            let (opened, guessed) = Self.sizes(range, count, isBlock: isBlock)
            let guesses = PortGuesses.draw(guessed, from: range, using: &random)
            (action, isSecond) = (.guess(guesses.map { Endpoint(far.address, $0) }), false)
            probability = Collision.probability(open: opened, guesses: guessed, range: range.count)
        case (.drawn(let near, let count, true), .drawn(let range, let others, true)):
            (action, isSecond) = (.burst(count: count, to: endpoint), false)
            probability = Collision.crossed(openA: count, rangeA: near.count, openB: others, rangeB: range.count)
        case (.drawn(let range, let count, true), .counted):
            (action, isSecond, probability) = (.burst(count: count, to: endpoint), false, Double(count) / Double(range.count))
        case (.counted(_, let count, _), .drawn(let range, let others, true)):
            (action, isSecond, probability) = (.burst(count: count, to: endpoint), false, Double(others) / Double(range.count))
        case (.kept, .kept), (.unknown, _), (_, .unknown), (.drawn, .drawn), (.drawn, .counted), (.counted, .drawn): return nil
        }
    }

    private static func sizes(_ range: ClosedRange<UInt16>, _ count: Int, isBlock: Bool) -> (opened: Int, guessed: Int) {
        guard isBlock else { return (count, min(guessed, range.count)) }
        let opened = min(openedOfBlock.upperBound, max(openedOfBlock.lowerBound, range.count / 16))
        return (min(opened, count), min(guessedOfBlock, range.count))
    }
}
