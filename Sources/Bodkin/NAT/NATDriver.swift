import BodkinCore
import BodkinPrediction
import BodkinSystem
import BodkinTransport
import NIOCore

/// The driver of ``NATModel``: it samples the allocator, and keeps the task that examines the network. Confined to its event loop.
final class NATDriver {
    /// An event that concerns the rest of the peer.
    enum Event {
        /// More is known of the ports of the peer's next connections.
        case forecastChanged
        /// The network may be examined now, as the examination of this number.
        case examinationDue(UInt64)
        /// The network was examined, or is known from before.
        case profiled(NetworkProfile)
    }

    private let gate: Gate
    private let clock: PeerClock
    /// Returns what the peer's link to the Internet is at the moment.
    private let attachment: () -> NATModel.Attachment
    private let onEvent: (Event) -> Void
    private(set) var machine: NATModel
    private var timer = DeadlineTimer()
    /// The background examination of the network.
    private(set) var profiling: Task<Void, Never>?
    private var isClosed = false

    init(
        _ configuration: NATModel.Configuration, through gate: Gate, clock: PeerClock, attachment: @escaping () -> NATModel.Attachment,
        onEvent: @escaping (Event) -> Void
    ) {
        (self.gate, self.clock, self.attachment, self.onEvent) = (gate, clock, attachment, onEvent)
        machine = NATModel(configuration)
    }

    /// Gives the machine an input, and performs what follows.
    func handle(_ input: NATModel.Input) {
        guard !isClosed else { return }
        machine.handle(input, at: clock.now)
        while let action = machine.nextAction() { perform(action) }
        guard !isClosed else { return }
        timer.set(to: machine.deadline, by: clock) { [weak self] in self?.handle(.timeout) }
    }

    /// Ends everything.
    func close() {
        isClosed = true
        timer.cancel()
        profiling?.cancel()
        profiling = nil
    }

    private func perform(_ action: NATModel.Action) {
        switch action {
        case .sample(let plan, let number):
            let sampling = PortSampler.run(plan, from: PortSampler.base(), through: gate, extendsQuickPlan: true, on: clock.eventLoop)
            sampling.assumeIsolated().whenSuccess { [weak self] samples in
                guard let self else { return }
                self.handle(.sampled(number, samples, self.attachment()))
            }
        case .reattach: attachmentChanged()
        case .forecastChanged: onEvent(.forecastChanged)
        case .examine(let number): onEvent(.examinationDue(number))
        case .cancelExamination:
            profiling?.cancel()
            profiling = nil
        case .publish(let profile): onEvent(.profiled(profile))
        }
    }

    // MARK: Inputs that need the attachment

    /// The reserved port may have another external endpoint than before: samples the allocator if that is of use.
    func attachmentChanged() { handle(.attached(attachment())) }

    /// Samples the allocator once more, where the samples so far explain nothing.
    func sampleBetter() { handle(.betterSamplesWanted(attachment())) }

    /// The peer has registered: the network may be examined as soon as nobody dials.
    func registered() { handle(.registered(attachment())) }

    /// Keeps the task that examines the network. The task calls ``examined(_:_:)`` if it is not cancelled.
    func examine(_ task: Task<Void, Never>) { profiling = task }

    /// The examination of this number has ended.
    func examined(_ number: UInt64, _ profile: NetworkProfile) {
        guard !isClosed else { return }
        profiling = nil
        handle(.examined(number, profile, attachment()))
    }

    // MARK: Questions

    /// How the ports of the next connections come about.
    func ports(for round: NATModel.Round) -> PortForecast.Ports { machine.ports(attachment(), for: round, at: clock.now) }

    /// A forecast for a remote peer that asks; nil while the server sees no mapping.
    var forecast: PortForecast? { machine.forecast(attachment(), at: clock.now) }

    /// Whether a remote peer sees the reserved port as the server does; nil where that is not known.
    var keepsEndpoint: Bool? { machine.keepsEndpoint(attachment()) }

    /// Whether only one address of the server has ever seen that.
    var isMappingDoubtful: Bool { machine.isDoubtful(attachment()) }

    /// How many ports of the subscriber's block a search may still take, where the NAT gives each subscriber one.
    var blockPortsLeft: Int { machine.blockPortsLeft(at: clock.now) }

    /// Samples an allocator that counts once more, right before a burst: the port that it gave last, and the local ports from which to go on.
    func sampleAgain() -> EventLoopFuture<(last: AllocationSample, next: UInt16)?> {
        let (base, plan) = (PortSampler.base(), SamplingPlan.fresh(towards: attachment().stunEndpoints))
        guard let kind = machine.allocation?.estimate.allocation else { return clock.eventLoop.makeSucceededFuture(nil) }
        handle(.tookPorts(plan.count))
        return PortSampler.run(plan, from: base, through: gate, on: clock.eventLoop).map { samples in
            // A NAT may count on for consecutive local ports only: so the burst goes on behind the second probe's.
            guard samples.count == 2, let last = kind.latest(of: samples) else { return nil }
            return (last, base + 2)
        }
    }
}
