package import BodkinCore

/// One side's part of a round of ``Traversal``, given both sides' forecasts. Each side works out its own part; the two parts fit.
package struct PunchRound: Hashable, Sendable {
    /// One side's part.
    package enum Action: Hashable, Sendable {
        /// From that many fresh, consecutive local ports to one external endpoint of the other side.
        case burst(count: Int, to: Endpoint)
        /// From the reserved port to these endpoints.
        case guess([Endpoint])
    }

    /// What to do.
    package let action: Action
    /// Whether this side fires after the other in the first round; nil where both fire at one instant.
    private let isSecond: Bool?
    /// Whether nothing is left for another round: a side spends all that it may take of its subscriber's block, whose mappings NATs keep for minutes.
    package let isLast: Bool

    /// Whether this side fires after the other in the round of this number, from 1.
    ///
    /// The guesses go out first in the first round, because a NAT may answer a SYN that comes before them by an RST. The second round tries the other order, because
    /// a NAT that lets only SYN-ACKs in lets no guess be answered unless the ports guessed at are open.
    package func waits(inRound round: Int) -> Bool { isSecond.map { $0 == (round % 2 == 1) } ?? false }

    /// Whether there is a round between sides of such ports.
    package static func isPossible(_ own: PortForecast.Ports, _ far: PortForecast.Ports) -> Bool {
        Traversal(PortKnowledge(own), PortKnowledge(far)) != nil
    }

    /// This side's part; nil where nothing is to be gained.
    /// - Parameter random: chooses the guesses.
    package init?(own: PortForecast, far: PortForecast, using random: inout some RandomNumberGenerator) {
        guard own.address.family == far.address.family else { return nil }
        guard let plan = Traversal(PortKnowledge(own.ports), PortKnowledge(far.ports))?.plan else { return nil }
        switch (plan.a, far.ports) {
        // Both ports are fixed: the Meet has done that.
        case (.meet, _): return nil
        case (.burst(let count, _), _): action = .burst(count: count, to: Endpoint(far.address, far.target))
        case (.guess(let count), .random(let range, _, _)):
            action = .guess(PortGuesses.draw(count, from: range, using: &random).map { Endpoint(far.address, $0) })
        case (.guess, _): action = .guess(far.guesses.map { Endpoint(far.address, $0) })
        }
        isSecond = plan.first.map { $0 == .b }
        isLast = plan.rounds == 1
    }
}
