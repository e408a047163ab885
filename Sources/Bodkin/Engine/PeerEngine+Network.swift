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
        let paths = remotes.allSessions.compactMap { $0.driver.activePath?.local }
        return Set((ports.bindings.values.compactMap(\.local) + paths + [link?.local].compactMap { $0 }).map(\.address))
    }

    private func handle(_ event: AttachmentDriver.Event) {
        guard !isOver else { return }
        switch event {
        case .candidatesChanged:
            registerAfresh()
            hurryUpgrades()
        case .networkChanged(let assigned, let isOtherNetwork):
            if isOtherNetwork { forgetAllocation() }
            rendezvous.attach(attachments)
            leaveServer(by: assigned, isOtherNetwork: isOtherNetwork)
            // The mapping of the reserved port may well have outlived the change: then nothing else asks.
            learnAllocation()
            for box in remotes.allSessions {
                box.driver.leave(addressesOtherThan: assigned)
                box.driver.probeAll()
            }
            hurry()
            // An upgrade that looks for a path by the former network begins again.
            for attempt in remotes.allDials where attempt.isUpgrade { attempt.end() }
        }
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
