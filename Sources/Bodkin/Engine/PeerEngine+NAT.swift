import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// The driver of the NAT model: it samples, examines the network, and passes on what the model finds.
extension PeerEngine {
    /// The server's STUN endpoints over IPv4, at its first address.
    private var stunEndpoints: [Endpoint] {
        serverRoutes.first { $0.endpoint.address.family == .v4 }.map { configuration.rendezvous.stunEndpoints(at: $0.endpoint.address) } ?? []
    }

    /// The reserved port's endpoint as the server sees it, over IPv4: IPv6 is not translated.
    var observedEndpoint: Endpoint? { warms.lazy.compactMap(\.observed).first { $0.address.family == .v4 } }

    /// What the NAT model is told of the link to the Internet.
    private var natAttachment: NATModel.Attachment {
        NATModel.Attachment(
            reservedPort: port?.number, observed: observedEndpoint, routes: attachments.routes,
            addresses: Set(attachments.interfaces.flatMap(\.addresses).map(\.address)), stunEndpoints: stunEndpoints)
    }

    /// Hands an input to the NAT model and does what it asks for.
    private func feed(_ input: NATModel.Input) {
        guard !isOver else { return }
        nat.handle(input, at: now)
        while let action = nat.nextAction() { perform(action) }
        natTimer?.cancel()
        natTimer = nat.deadline.map { deadline in
            OneShot(on: eventLoop, at: time(of: deadline)) { [weak self] in self?.feed(.timeout) }
        }
    }

    private func perform(_ action: NATModel.Action) {
        switch action {
        case .sample(let plan, let number):
            let sampling = PortSampler.run(plan, from: PortSampler.base(), of: system, extendsQuickPlan: true, on: eventLoop)
            sampling.assumeIsolated().whenSuccess { [weak self] samples in
                guard let self else { return }
                self.feed(.sampled(number, samples, self.natAttachment))
            }
        case .reattach: learnAllocation()
        case .forecastChanged:
            // A card that says that the port is kept spares the remote peer of a dial a question.
            if keepsEndpoint == true { registerAfresh() }
            for attempt in remotes.allDials {
                attempt.tellPunch(.begin)
                attempt.answerForecastQuery()
            }
        case .examine(let number): if isRegistered, remotes.hasNoDials { examineNetwork(number) } else { feed(.dialing) }
        case .cancelExamination:
            profiling?.cancel()
            profiling = nil
        case .publish(let profile): tell(.networkProfiled(profile))
        }
    }

    // MARK: What the rest of the peer tells and asks

    /// Samples the allocator where that is of use.
    func learnAllocation() { feed(.attached(natAttachment)) }

    /// Samples the allocator once more, where the samples so far explain nothing.
    func learnAllocationBetter() { feed(.betterSamplesWanted(natAttachment)) }

    /// The network has changed: what was known of its NAT holds no more.
    func forgetAllocation() { feed(.networkChanged) }

    /// What explains the ports seen; nil before they have been.
    var allocation: AllocationEstimate? { nat.allocation?.estimate }

    /// Whether samples are on their way.
    var isSampling: Bool { nat.isSampling }

    /// Connections that are begun may take so many new ports of the NAT.
    func tookPorts(_ count: Int) { feed(.tookPorts(count)) }

    /// How many ports of the subscriber's block a search may still take, where the NAT gives each subscriber one.
    var blockPortsLeft: Int { nat.blockPortsLeft(at: now) }

    /// Whether a remote peer sees the reserved port as the server does; nil where that is not known.
    var keepsEndpoint: Bool? { nat.keepsEndpoint(natAttachment) }

    /// Whether only one address of the server has ever seen that.
    var isMappingDoubtful: Bool { nat.isDoubtful(natAttachment) }

    /// How the ports of the next connections come about.
    func ports(for round: NATModel.Round) -> PortForecast.Ports { nat.ports(natAttachment, for: round, at: now) }

    /// What a remote peer is told of our ports that asks for them; nil where nobody is to learn our address, or none is known.
    var localForecast: PortForecast? { usesDirectPaths ? nat.forecast(natAttachment, at: now) : nil }

    /// A direct path came up because a new remote address was given another port than the server's.
    func sawAddressDependence() { feed(.addressDependenceShown) }

    /// Samples an allocator that counts once more, right before a burst: the port that it gave last, and the local ports from which to go on.
    func sampleAllocator() -> EventLoopFuture<(last: AllocationSample, next: UInt16)?> {
        let (base, plan) = (PortSampler.base(), SamplingPlan.fresh(towards: stunEndpoints))
        guard let kind = allocation?.allocation else { return eventLoop.makeSucceededFuture(nil) }
        tookPorts(plan.count)
        return PortSampler.run(plan, from: base, of: system, on: eventLoop).map { samples in
            // Of a NAT that counts on for consecutive ports only, the burst goes on where the second probe was.
            guard samples.count == 2, let last = kind.latest(of: samples) else { return nil }
            return (last, base + 2)
        }
    }
}

/// Keepalives.
extension PeerEngine {
    /// After what silence to send something from a local endpoint.
    func keepalive(from local: Endpoint?) -> Duration { nat.keepalive(from: local?.address) }

    /// A connection from there has answered after this silence.
    func answered(after silence: Duration, from local: Endpoint?) { if let local { feed(.answered(after: silence, from: local.address)) } }

    /// A connection from there has died after this silence.
    func died(after silence: Duration, from local: Endpoint?) { if let local { feed(.died(after: silence, from: local.address)) } }
}

/// The background examination.
extension PeerEngine {
    /// Whether its event loop is one of the process's, and outlives it.
    var usesProcessLoops: Bool { configuration.eventLoopGroup == nil }

    /// What is known of the network.
    var networkProfile: NetworkProfile? { nat.networkProfile }

    /// Examines the network when nobody has dialed for a while.
    func profileWhenQuiet() { feed(.registered(natAttachment)) }

    /// A dial begins.
    func disturbed() { feed(.dialing) }

    /// The peer ends.
    func stopProfiling() {
        natTimer?.cancel()
        profiling?.cancel()
        profiling = nil
    }

    private func examineNetwork(_ number: UInt64) {
        let own = NIOLoopBound(self, eventLoop: eventLoop)
        let (loop, settings, time) = (eventLoop, configuration, registrationTime)
        let addresses = serverRoutes.addresses
        tookPorts(NATModel.examinationCost)
        profiling = Task {
            let profile = await NetworkCheck.profile(addresses, settings, on: loop) { findings in
                async let dialBackResults = FilteringProfile.dialBackResults { try await loop.flatSubmit { own.value.dialBack() }.get() }
                return (.registered(after: time), await findings(), await dialBackResults)
            }
            guard !Task.isCancelled else { return }
            loop.execute {
                guard !own.value.isOver else { return }
                own.value.profiling = nil
                own.value.feed(.examined(number, profile, own.value.natAttachment))
            }
        }
    }
}
