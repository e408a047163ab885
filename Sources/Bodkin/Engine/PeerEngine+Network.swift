import BodkinCore
import BodkinSystem
import BodkinTransport
import NIOCore

/// What is done when the network under the peer changes, or the machine has slept.
extension PeerEngine {
    /// The system says that something has changed.
    func noticed(_ change: NetworkWatch.Change) {
        guard !isOver, let ours = system.assignedAddresses() else { return }
        let present = Attachments(of: system)
        // Much is told that means nothing here.
        guard change == .clock || present != attachments else { return }
        let isOtherNetwork = present != attachments
        if isOtherNetwork {
            forgetAllocation()
        }
        attachments = present
        expandRoutes()
        leaveServer(by: ours, isOtherNetwork: isOtherNetwork)
        // The mapping of the reserved port may well have outlived the change: then nothing else asks.
        learnAllocation()
        for box in Array(sessions.values) {
            box.driver.leave(addressesOtherThan: ours)
            box.driver.probeAll()
        }
        hurry()
        // What looks for a better path by the network that there was begins again.
        for attempt in Array(attempts.values) where attempt.isUpgrade { attempt.end() }
    }

    /// What leaves from an address that is gone, or has not come through yet, is replaced at once; the rest is asked whether it still works.
    private func leaveServer(by ours: Set<IPAddress>, isOtherNetwork: Bool) {
        for warm in warms where warm.local.map({ !ours.contains($0.address) }) ?? true { warm.abandon() }
        warms.removeAll(where: \.isLost)
        warmRetryCount = 0
        openWarmConnections()
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
