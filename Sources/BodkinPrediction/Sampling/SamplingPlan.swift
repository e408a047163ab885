package import BodkinCore

/// Which probes to send in order to learn how a NAT maps and allocates.
///
/// A batch is sent without waiting for answers, in its order and ``spacing`` apart; the next one when the last is answered or has had its time. All local ports are offsets from one base port: choose a
/// base from which ``width`` ports are free.
///
/// ```swift
/// let plan = SamplingPlan.quick(towards: endpoints)
/// print(plan.batches.count, "round trips")
/// ```
package struct SamplingPlan: Hashable, Sendable {
    /// One request.
    package struct Probe: Hashable, Sendable {
        /// The local port, as a distance from the base port.
        package let offset: UInt16
        /// The server's endpoint.
        package let destination: Endpoint
    }

    /// Batches, each in its order of sending.
    package let batches: [[Probe]]

    /// From one probe of a batch to the next: enough that none overtakes another on the way to the NAT, whose order of arrival is what a NAT that counts for
    /// consecutive ports only is known by.
    package static let spacing = Duration.milliseconds(2)

    /// How many probes there are.
    package var count: Int { batches.reduce(0) { $0 + $1.count } }

    /// How many ports from the base on have to be free, and no more than these.
    package static let width: UInt16 = 64

    /// Every offset that is used, once, in increasing order.
    package var offsets: [UInt16] { Set(batches.joined().map(\.offset)).sorted() }

    /// Two batches of 7 and 6 probes, for two round trips: what a dial needs to know.
    ///
    /// Two runs of four consecutive ports tell a NAT that allocates sequentially for consecutive ports from a random one. Lone ports, each below the one before,
    /// tell one that counts from one that keeps differences. One port towards several endpoints shows the mapping behaviour. Destinations change from probe to
    /// probe, so that a NAT that counts for each destination apart (RFC 6056 section 3.3.3) does not pass for one that counts for all.
    /// - Parameter endpoints: the server's, at best two ports of each of two addresses; more than four are left out.
    package static func quick(towards endpoints: [Endpoint]) -> SamplingPlan {
        let turns = Turns(endpoints)
        guard let first = turns.endpoints.first else { return SamplingPlan(batches: []) }
        let samePort = turns.endpoints.first { $0.address == first.address && $0 != first }
        let otherAddress = turns.endpoints.first { $0.address != first.address }
        let mapping = [first, samePort, otherAddress].compactMap { $0 }.map { Probe(offset: 40, destination: $0) }
        return SamplingPlan(batches: [
            (0..<4).map { Probe(offset: $0, destination: turns[Int($0)]) } + mapping,
            [Probe(offset: 33, destination: turns[1])]
                + (0..<4).map { Probe(offset: 16 + $0, destination: turns[Int($0) + 2]) }
                + [Probe(offset: 9, destination: turns[0])],
        ])
    }

    /// The rest of a quick plan whose first batch was answered by a server that has named a second address: the second batch asks both addresses, and asks the new one
    /// from the port that has asked the first one already, so that a mapping that depends on the address shows.
    /// - Parameter endpoints: those of the plan.
    package static func rest(of endpoints: [Endpoint], and address: IPAddress) -> SamplingPlan {
        guard let first = endpoints.first, !endpoints.contains(where: { $0.address == address }), address.family == first.address.family else {
            return SamplingPlan(batches: Array(quick(towards: endpoints).batches.dropFirst()))
        }
        let others = endpoints.prefix(2).map { Endpoint(address, $0.port) }
        let second = quick(towards: endpoints.prefix(2) + others).batches.dropFirst().first ?? []
        return SamplingPlan(batches: [[Probe(offset: 40, destination: Endpoint(address, first.port))] + second])
    }

    /// Seven probes one after the other, for the time when nothing is in a hurry: each is answered before the next one is sent, so that the order at the NAT is
    /// certain, and over the longer time the noise is better known.
    package static func thorough(towards endpoints: [Endpoint]) -> SamplingPlan {
        let turns = Turns(endpoints)
        guard !turns.endpoints.isEmpty else { return SamplingPlan(batches: []) }
        let offsets: [UInt16] = [50, 51, 52, 60, 26, 27, 28]
        return SamplingPlan(batches: offsets.enumerated().map { [Probe(offset: $1, destination: turns[$0])] })
    }

    /// Two probes from consecutive ports, right before a burst. The burst of a NAT that counts for consecutive ports only goes on from the port after them.
    package static func fresh(towards endpoints: [Endpoint]) -> SamplingPlan {
        let turns = Turns(endpoints)
        guard !turns.endpoints.isEmpty else { return SamplingPlan(batches: []) }
        return SamplingPlan(batches: [(0..<2).map { Probe(offset: $0, destination: turns[Int($0)]) }])
    }
}

/// Endpoints taken in turns, the addresses alternating.
private struct Turns {
    let endpoints: [Endpoint]

    init(_ endpoints: [Endpoint]) {
        var seen: [IPAddress: Int] = [:]
        var ranked: [(rank: Int, endpoint: Endpoint)] = []
        for endpoint in endpoints.prefix(4) where !ranked.contains(where: { $0.endpoint == endpoint }) {
            ranked.append((seen[endpoint.address, default: 0], endpoint))
            seen[endpoint.address, default: 0] += 1
        }
        let ranks = Set(ranked.map(\.rank)).sorted()
        self.endpoints = ranks.flatMap { rank in ranked.filter { $0.rank == rank }.map(\.endpoint) }
    }

    /// Any number names an endpoint; there is one at least.
    subscript(turn: Int) -> Endpoint { endpoints[turn % endpoints.count] }
}
