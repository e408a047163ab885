import BodkinCore
import BodkinSystem
import BodkinTransport
import NIOCore

/// What is done when the network under the peer changes, or the machine has slept.
extension PeerEngine {
    /// The system's network, as it was last looked at.
    var attachments: Attachments { attachmentMonitor.current }

    /// The addresses that remote peers are told of, the likeliest to be of use first.
    func toldAddresses(of families: [IPAddress.Family]) -> [IPAddress] {
        attachments.told(using: usedAddresses, of: families, includingTunnels: configuration.allowsPrivateAddresses)
    }

    /// The local addresses of the peer's connections.
    private var usedAddresses: Set<IPAddress> {
        let paths = remotes.allSessions.compactMap { $0.driver.activePath?.local }
        return Set((bindings.values.compactMap(\.local) + paths + [link?.local].compactMap { $0 }).map(\.address))
    }

    /// The system says that something has changed.
    func noticed(_ change: NetworkWatch.Change) {
        guard !isOver, let ours = system.assignedAddresses() else { return }
        var present = Attachments(of: system)
        let used = usedAddresses
        // A list that a change has interrupted may lack entries: a second look tells.
        if present.uplinks(using: used) != attachments.uplinks(using: used) { present = Attachments(of: system) }
        attachmentMonitor.handle(.attachments(present, used: used), at: now)
        let hasMoved = followAttachments()
        if hasMoved {
            forgetAllocation()
        }
        guard hasMoved || change == .clock else { return }
        expandRoutes()
        leaveServer(by: ours, isOtherNetwork: hasMoved)
        // The mapping of the reserved port may well have outlived the change: then nothing else asks.
        learnAllocation()
        for box in remotes.allSessions {
            box.driver.leave(addressesOtherThan: ours)
            box.driver.probeAll()
        }
        hurry()
        // What looks for a better path by the network that there was begins again.
        for attempt in remotes.allDials where attempt.isUpgrade { attempt.end() }
    }

    /// Does what the monitor says, and arranges for its deadline. Returns whether the ways out have changed.
    @discardableResult
    private func followAttachments() -> Bool {
        var hasMoved = false
        while let action = attachmentMonitor.nextAction() {
            switch action {
            case .networkChanged: hasMoved = true
            case .candidatesChanged:
                registerAfresh()
                hurryUpgrades()
            }
        }
        attachmentTimer?.cancel()
        attachmentTimer = attachmentMonitor.deadline.map { deadline in
            OneShot(on: eventLoop, at: time(of: deadline)) { [weak self] in
                guard let self, !self.isOver else { return }
                self.attachmentMonitor.handle(.timeout, at: self.now)
                self.followAttachments()
            }
        }
        return hasMoved
    }

    /// What leaves from an address that is gone, or has not come through yet, is replaced at once; the rest is asked whether it still works.
    private func leaveServer(by ours: Set<IPAddress>, isOtherNetwork: Bool) {
        tellPorts(.networkChanged(assigned: ours, bindingRoutes, attachments))
        let isLinkGone = link?.local.map { !ours.contains($0.address) } ?? true
        feedRendezvous(
            .networkChanged(
                NetworkChange(isOtherNetwork: isOtherNetwork, hasAddress: !attachments.interfaces.isEmpty, isLinkAddressGone: isLinkGone)))
        guard isLinkUp, !isLinkGone else { return }
        suspectNetwork(isUrgent: true)
        // Others hear of the addresses that there are now.
        registerAfresh()
    }
}
