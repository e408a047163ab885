import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import NIOCore

/// Looks for a NAT before the one that has the outside address, by UDP datagrams that may go one hop, two, and so on.
///
/// A router answers the datagram whose hops are used up there (RFC 792, time exceeded), but not what is for itself: of that the TTL is not looked at (RFC 1812 section
/// 4.2.2.9). So what is sent to the outside address is answered by the routers before the one that has it, and what is sent to the server by that one, too. Addresses
/// alone would not tell: providers number routers beyond the NAT from private space as well.
enum NestingProbe {
    /// How far it is looked: behind a home, a carrier's NAT is two or three hops away.
    static let hopLimit = 6
    /// What was lost, or not answered, is sent again. Linux sends six such answers at once to one destination, and then one a second (`icmp_ratelimit`).
    private static let rounds = 3
    /// How long a round waits for answers: the routers asked are nearby.
    private static let patience = Duration.milliseconds(350)
    private static let interval = Duration.milliseconds(25)
    /// Traceroute's first port: nothing listens there.
    private static let port: UInt16 = 33_434

    /// Nil where nothing has come back.
    static func run(_ mapping: MappingProfile, on eventLoop: any EventLoop) async -> NestingProfile? {
        guard let own = mapping.local?.address, let outside = mapping.mapped.first.map({ Endpoint($0.address, port) }),
            let server = mapping.samples.first(where: { $0.mapped != nil })?.server
        else { return nil }
        if mapping.kind == .none { return NestingProfile() }
        var answers: [Question: HopAnswer] = [:]
        for _ in 0..<rounds {
            // To the outside address first: a router that answers seldom would otherwise be silent just there.
            let questions = [outside, server].flatMap { to in (1...hopLimit).map { Question(to: to, hops: $0) } }
            answers.merge(await ask(questions.filter { answers[$0] == nil }, on: eventLoop)) { $1 }
        }
        func toWhatWasSent(to destination: Endpoint) -> [Int: HopAnswer] {
            Dictionary(uniqueKeysWithValues: answers.filter { $0.key.to == destination }.map { ($0.key.hops, $0.value) })
        }
        return NestingProfile(own: own, inwards: toWhatWasSent(to: outside), onwards: toWhatWasSent(to: server))
    }

    private struct Question: Hashable {
        let to: Endpoint
        let hops: Int
    }

    /// The answers of one round.
    private static func ask(_ questions: [Question], on eventLoop: any EventLoop) async -> [Question: HopAnswer] {
        let request = STUNMessage.bindingRequest().bytes
        // On the event loop, since the network that a socket is in may be that of its thread.
        let probes = try? await eventLoop.submit {
            questions.compactMap { question in HopProbe.send(request, to: question.to, hops: question.hops).map { (question, $0) } }
        }.get()
        var waiting = probes ?? []
        defer { for (_, probe) in waiting { probe.close() } }
        var answers: [Question: HopAnswer] = [:]
        var time = Duration.zero
        while !waiting.isEmpty, time < patience {
            try? await Task.sleep(for: interval)
            time += interval
            waiting.removeAll { question, probe in
                guard let answer = probe.answer() else { return false }
                answers[question] = answer
                probe.close()
                return true
            }
        }
        return answers
    }
}
