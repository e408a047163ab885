import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// Routes between the NAT model and the rest of the peer.
extension PeerEngine {
    /// Makes the driver of the NAT model.
    func makeNATDriver() -> NATDriver {
        let settings = NATModel.Configuration(
            samplesAllocator: configuration.predictsPorts && usesDirectPaths,
            examinationDelay: configuration.profilesNetwork && usesDirectPaths ? configuration.profileDelay : nil)
        return NATDriver(
            settings, through: gate, clock: clock, attachment: { [weak self] in self?.natAttachment ?? NATModel.Attachment() },
            onEvent: { [weak self] event in self?.handle(event) })
    }

    /// The link to the Internet, for the NAT model.
    private var natAttachment: NATModel.Attachment {
        NATModel.Attachment(
            reservedPort: port?.number, observed: observedEndpoint, routes: attachments.routes,
            addresses: Set(attachments.interfaces.flatMap(\.addresses).map(\.address)), stunEndpoints: stunEndpoints)
    }

    /// The server's STUN endpoints over IPv4, at its first address.
    private var stunEndpoints: [Endpoint] {
        serverRoutes.first { $0.endpoint.address.family == .v4 }.map { configuration.rendezvous.stunEndpoints(at: $0.endpoint.address) } ?? []
    }

    /// The reserved port's endpoint as the server sees it, over IPv4: IPv6 is not translated.
    var observedEndpoint: Endpoint? { bindings.lazy.compactMap(\.observed).first { $0.address.family == .v4 } }

    private func handle(_ event: NATDriver.Event) {
        guard !isOver else { return }
        switch event {
        case .forecastChanged:
            // A card that says that the port is kept spares the remote peer of a dial a question.
            if keepsEndpoint == true { registerAfresh() }
            remotes.forEachDial {
                $0.tell(.natLearned)
                $0.answerForecastQuery()
            }
        case .examinationDue(let number): if isRegistered, remotes.hasNoDials { examineNetwork(number) } else { nat.handle(.dialing) }
        case .profiled(let profile): tell(.networkProfiled(profile))
        }
    }

    private func tellNAT(_ input: NATModel.Input) { if !isOver { nat.handle(input) } }

    // MARK: Inputs and questions of the rest of the peer

    /// Samples the allocator if that is of use.
    func learnAllocation() { if !isOver { nat.attachmentChanged() } }

    /// Samples the allocator once more, where the samples so far explain nothing.
    func learnAllocationBetter() { if !isOver { nat.sampleBetter() } }

    /// The network has changed: what was known of its NAT holds no more.
    func forgetAllocation() { tellNAT(.networkChanged) }

    /// The explanation of the ports seen; nil before they have been.
    var allocation: AllocationEstimate? { nat.machine.allocation?.estimate }

    /// Whether samples are on their way.
    var isSampling: Bool { nat.machine.isSampling }

    /// Connections that are begun may take so many new ports of the NAT.
    func tookPorts(_ count: Int) { tellNAT(.tookPorts(count)) }

    /// How many ports of the subscriber's block a search may still take, where the NAT gives each subscriber one.
    var blockPortsLeft: Int { nat.blockPortsLeft }

    /// Whether a remote peer sees the reserved port as the server does; nil where that is not known.
    var keepsEndpoint: Bool? { nat.keepsEndpoint }

    /// Whether only one address of the server has ever seen that.
    var isMappingDoubtful: Bool { nat.isMappingDoubtful }

    /// How the ports of the next connections come about.
    func ports(for round: NATModel.Round) -> PortForecast.Ports { nat.ports(for: round) }

    /// The forecast for a remote peer that asks; nil where nobody is to learn this peer's address, or none is known.
    var localForecast: PortForecast? { usesDirectPaths ? nat.forecast : nil }

    /// A direct path came up because a new remote address was given another port than the server's.
    func sawAddressDependence() { tellNAT(.addressDependenceShown) }

    /// Samples an allocator that counts once more, right before a burst: the port that it gave last, and the local ports from which to go on.
    func sampleAllocator() -> EventLoopFuture<(last: AllocationSample, next: UInt16)?> { nat.sampleAgain() }

    // MARK: Keepalives

    /// After what silence to send something from a local endpoint.
    func keepalive(from local: Endpoint?) -> Duration { nat.machine.keepalive(from: local?.address) }

    /// A connection from there has answered after this silence.
    func answered(after silence: Duration, from local: Endpoint?) { if let local { tellNAT(.answered(after: silence, from: local.address)) } }

    /// A connection from there has died after this silence.
    func died(after silence: Duration, from local: Endpoint?) { if let local { tellNAT(.died(after: silence, from: local.address)) } }
}

/// The background examination of the network.
extension PeerEngine {
    /// Whether the event loop is one of the process's, and outlives the peer.
    var usesProcessLoops: Bool { configuration.eventLoopGroup == nil }

    /// The properties of the network; nil before it was examined.
    var networkProfile: NetworkProfile? { nat.machine.networkProfile }

    /// The task that examines the network; nil while there is none.
    var profiling: Task<Void, Never>? { nat.profiling }

    /// Examines the network as soon as nobody has dialed for a while.
    func profileWhenQuiet() { if !isOver { nat.registered() } }

    /// A dial begins: an examination would disturb it.
    func disturbed() { tellNAT(.dialing) }

    private func examineNetwork(_ number: UInt64) {
        let own = NIOLoopBound(self, eventLoop: eventLoop)
        let (loop, settings, time) = (eventLoop, configuration, rendezvous.registrationTime)
        let (addresses, gate) = (serverRoutes.addresses, gate)
        tookPorts(NATModel.examinationCost)
        let task = Task {
            let profile = await NetworkCheck.profile(addresses, settings, through: gate, on: loop) { findings in
                async let dialBackResults = FilteringProfile.dialBackResults { try await loop.flatSubmit { own.value.dialBack() }.get() }
                return (.registered(after: time), await findings(), await dialBackResults)
            }
            guard !Task.isCancelled else { return }
            loop.execute { own.value.nat.examined(number, profile) }
        }
        nat.examine(task)
    }
}
