import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import NIOCore

/// A probe for a NAT before the one that has the external address. It sends UDP datagrams with increasing hop limits.
///
/// A router that discards a datagram because of its hop limit answers (RFC 792, time exceeded). For a datagram to itself, it does not look at the TTL (RFC 1812
/// section 4.2.2.9). So the routers before the NAT answer datagrams to the external address, and the NAT itself answers only those to the server. Addresses alone
/// do not tell, because providers also number the routers beyond the NAT from private space.
enum NestingProbe {
    /// The greatest hop limit: behind a home router, a carrier's NAT is two or three hops away.
    static let hopLimit = 6
    /// How often the probe sends a datagram that has no answer. Linux sends six such answers at once to one destination, then one per second (`icmp_ratelimit`).
    private static let rounds = 3
    /// The time to wait in a round: the routers are nearby.
    private static let timeout = Duration.milliseconds(350)
    private static let interval = Duration.milliseconds(25)
    /// The first port of traceroute, where no program listens.
    private static let port: UInt16 = 33_434

    /// Sends the datagrams and interprets their answers.
    /// - Returns: nil without any answer.
    static func run(_ mapping: MappingProfile, through gate: Gate, on eventLoop: any EventLoop) async -> NestingProfile? {
        guard let local = mapping.local?.address, let external = mapping.mapped.first.map({ Endpoint($0.address, port) }),
            let server = mapping.samples.first(where: { $0.mapped != nil })?.server
        else { return nil }
        if mapping.kind == .none { return NestingProfile() }
        var answers: [Target: HopAnswer] = [:]
        for _ in 0..<rounds {
            // The external address comes first: a router with a low rate of answers would otherwise be silent there.
            let targets = [external, server].flatMap { endpoint in
                (1...hopLimit).map { Target(endpoint: endpoint, hops: $0, isReflection: endpoint == external) }
            }
            answers.merge(await probe(targets.filter { answers[$0] == nil }, through: gate, on: eventLoop)) { $1 }
        }
        func answersByHops(to endpoint: Endpoint) -> [Int: HopAnswer] {
            Dictionary(uniqueKeysWithValues: answers.filter { $0.key.endpoint == endpoint }.map { ($0.key.hops, $0.value) })
        }
        return NestingProfile(own: local, inwards: answersByHops(to: external), onwards: answersByHops(to: server))
    }

    /// The destination and the hop limit of a datagram.
    private struct Target: Hashable {
        let endpoint: Endpoint
        let hops: Int
        /// Whether it is the local peer's external address.
        let isReflection: Bool
    }

    /// Returns the answers of one round.
    private static func probe(_ targets: [Target], through gate: Gate, on eventLoop: any EventLoop) async -> [Target: HopAnswer] {
        let request = STUNMessage.bindingRequest().bytes
        // The sockets are opened on the event loop, because the network of a socket may be that of its thread.
        let probes = try? await eventLoop.submit {
            targets.compactMap { target in
                let passage = try? gate.passage(to: target.endpoint, for: target.isReflection ? .reflection : .server)
                return passage.flatMap { HopProbe.send(request, to: $0.endpoint, hops: target.hops).map { (target, $0) } }
            }
        }.get()
        var waiting = probes ?? []
        defer { for (_, probe) in waiting { probe.close() } }
        var answers: [Target: HopAnswer] = [:]
        var time = Duration.zero
        while !waiting.isEmpty, time < timeout {
            try? await Task.sleep(for: interval)
            time += interval
            waiting.removeAll { target, probe in
                guard let answer = probe.answer() else { return false }
                answers[target] = answer
                probe.close()
                return true
            }
        }
        return answers
    }
}
