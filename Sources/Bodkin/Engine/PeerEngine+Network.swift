import BodkinCore
import BodkinSystem
import BodkinTransport
import NIOCore

/// Routes a change of the network, or the end of the machine's sleep, to everything that depends on the network.
extension PeerEngine {
    /// Makes the driver that watches the system's network.
    func makeAttachmentDriver() -> AttachmentDriver {
        AttachmentDriver(
            of: system, clock: clock, includingTunnels: configuration.allowsPrivateAddresses,
            usedAddresses: { [weak self] in self?.usedAddresses ?? [] }, onEvent: { [weak self] event in self?.handle(event) })
    }

    /// The system's network, as it was last looked at.
    var attachments: Attachments { network.attachments }

    /// The local addresses of the peer's connections.
    private var usedAddresses: Set<IPAddress> {
        let local = ports.bindings.values.compactMap(\.local) + [link?.local].compactMap { $0 }
        return Set(local.map(\.address) + remotes.localAddresses)
    }

    private func handle(_ event: AttachmentDriver.Event) {
        guard !isOver else { return }
        gate.attach(attachments)
        switch event {
        case .candidatesChanged:
            registerAfresh()
            remotes.handleAll(.mappingsChanged)
        case .woke(let time): remotes.handleAll(.woke(after: time))
        case .networkChanged(let assigned, let isOtherNetwork):
            if isOtherNetwork { forgetAllocation() }
            gate.networkChanged()
            rendezvous.attach(attachments)
            leaveServer(by: assigned, isOtherNetwork: isOtherNetwork)
            // The mapping of the reserved port may well have outlived the change: then nothing else asks.
            learnAllocation()
            remotes.leave(addressesOtherThan: assigned)
            remotes.handleAll(.networkChanged)
        }
    }

    /// The process was stopped for so long: everything is asked at once whether it still works.
    func wasStopped(for time: Duration) {
        remotes.handleAll(.woke(after: time))
        suspectNetwork(isUrgent: true)
        remotes.probeAll()
    }

    /// What an answer takes where TCP has to repeat the question or the answer once: its least timeout beyond the round trip is 200 ms in Linux.
    var verificationTime: TimeAmount { max(.milliseconds(600), serverRoundTrip * 3 + .milliseconds(300)) }

    /// Finds out, without waiting for TCP to notice, whether the server and our mappings are still there. A link that carries nothing is replaced where that has
    /// to be repeated: it costs no more than the repetition.
    /// - Parameter isUrgent: whether something has happened for certain, or an answer is late.
    func suspectNetwork(isUrgent: Bool) {
        probeServer()
        verifyMappings(isUrgent: isUrgent)
    }

    /// Replaces at once whatever leaves from an address that is gone, or has not come through yet; asks the rest whether it still works.
    private func leaveServer(by assigned: Set<IPAddress>, isOtherNetwork: Bool) {
        tellPorts(.networkChanged(assigned: assigned, bindingRoutes, attachments))
        let isLinkGone = link?.local.map { !assigned.contains($0.address) } ?? true
        feedRendezvous(
            .networkChanged(
                NetworkChange(isOtherNetwork: isOtherNetwork, hasAddress: !attachments.interfaces.isEmpty, isLinkAddressGone: isLinkGone)))
        guard isLinkUp, !isLinkGone else { return }
        suspectNetwork(isUrgent: true)
        // Remote peers hear of the addresses that there are now.
        registerAfresh()
    }
}
