import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The rest of what there is to know of the network: what no dial waits for, looked at in the background, once for each network.
extension PeerEngine {
    /// So many connections the look takes, of a household's block of ports.
    private static let profileCost = 32

    /// Whether its event loop is one of the process's, and outlives it.
    var usesProcessLoops: Bool { configuration.eventLoopGroup == nil }

    /// Looks at the network when nobody has dialled for a while. One that is known from before is not looked at again.
    func profileWhenQuiet() {
        guard configuration.profilesNetwork, usesDirectPaths, networkProfile == nil, profiling == nil, !isOver else { return }
        if let address = observedEndpoint?.address, let known = profileMemory.finding(by: attachments.routes, seenAs: address) {
            stopProfiling()
            return profiled(known)
        }
        guard quiet == nil else { return }
        quiet = OneShot(on: eventLoop, in: TimeAmount(configuration.profileDelay)) { [weak self] in
            guard let self else { return }
            self.quiet = nil
            if self.isRegistered, self.attempts.isEmpty { self.lookAtNetwork() } else { self.profileWhenQuiet() }
        }
    }

    /// A dial begins: connections of the look's own would be in its way at a NAT that counts.
    func disturbed() {
        guard profiling != nil || quiet != nil else { return }
        stopProfiling()
        profileWhenQuiet()
    }

    /// Forgets a look that is under way, or would be.
    func stopProfiling() {
        profiling?.cancel()
        profiling = nil
        quiet?.cancel()
        quiet = nil
    }

    private func lookAtNetwork() {
        let own = NIOLoopBound(self, eventLoop: eventLoop)
        let (number, loop, settings, time) = (networkNumber, eventLoop, configuration, registrationTime)
        let addresses = ways.addresses
        tookPorts(Self.profileCost)
        profiling = Task {
            let profile = await NetworkCheck.profile(addresses, settings, on: loop) { findings in
                async let knocks = FilteringProfile.knocks { try await loop.flatSubmit { own.value.dialBack() }.get() }
                return (.registered(after: time), await findings(), await knocks)
            }
            guard !Task.isCancelled else { return }
            loop.execute {
                guard own.value.networkNumber == number, own.value.profiling != nil else { return }
                own.value.profiling = nil
                own.value.noted(profile)
            }
        }
    }

    private func noted(_ profile: NetworkProfile) {
        guard !isOver else { return }
        if let address = observedEndpoint?.address { profileMemory.note(profile, by: attachments.routes, seenAs: [address]) }
        if let allocation = profile.allocation(.v4) { learnt(closer: allocation) }
        profiled(profile)
    }

    private func profiled(_ profile: NetworkProfile) {
        networkProfile = profile
        tell(.profiled(profile))
    }
}
