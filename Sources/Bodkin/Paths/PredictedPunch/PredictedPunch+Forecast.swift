import BodkinCore
import BodkinPrediction

/// Both sides' forecasts: ours is found out and told, the remote one is waited for.
extension PredictedPunch {
    /// A round for which our ports are forecast: from the sample to the burst it is the sample's answer, our word to the remote peer, and its word to us.
    func forecastRound(_ number: Int, _ context: DialContext) -> NATModel.Round {
        NATModel.Round(
            number: number, isTurnToSearch: followsLongSilence || context.isDialer == (number == 1), followsSilence: followsSilence,
            time: context.serverRoundTrip * 3 + .milliseconds(50))
    }

    /// How our next ports come about. A mapping that is only doubted counts as kept if the other hypothesis leads nowhere with a remote peer of such ports.
    private func ports(_ number: Int, against remote: PortForecast?, _ context: DialContext) -> PortForecast.Ports {
        let nat = context.localNAT()
        let ports = nat.ports(forecastRound(number, context))
        guard nat.isMappingDoubtful, let remote, !PunchRound.isPossible(ports, remote.ports) else { return ports }
        return .fixed
    }

    /// - Parameter former: the remote peer's forecast for this round, or for the one before.
    mutating func prepare(_ number: Int, against former: PortForecast? = nil, _ context: DialContext, at now: Instant) {
        round = number
        (own, nextLocal, hasSentForecast, isPostponed) = (nil, nil, false, false)
        remoteForecastTimeout = nil
        let nat = context.localNAT()
        guard let observed = nat.observed, nat.keepsEndpoint == true || nat.isAllocatorKnown else {
            // If the mapping is lost there is another one soon, and no sampling takes longer.
            isPostponed = true
            return remoteForecastTimeout = now + Self.longestSampling
        }
        let ports = ports(number, against: former, context)
        switch ports {
        case .fixed:
            own = PortForecast(address: observed.address, port: observed.port, ports: .fixed)
            isActive = isActive || remote != nil
            tellIfReady(context, at: now)
        case .sequential:
            isActive = true
            perform(.sample(round: number))
        case .random(_, _, let isBlock):
            isActive = true
            // A port between those seen is certainly in the block; one beyond them may be outside it.
            var random = SplitMix64(state: context.seed)
            let port = isBlock ? nat.blockRange.map { UInt16.random(in: $0, using: &random) } : nil
            own = PortForecast(address: observed.address, port: port ?? observed.port, ports: ports)
            tellIfReady(context, at: now)
        case .unknown: close()
        }
    }

    mutating func sampled(
        _ number: Int, _ sample: (external: UInt16, nextLocal: UInt16)?, _ context: DialContext, at now: Instant
    ) {
        guard round == number, isActive, own == nil else { return }
        let nat = context.localNAT()
        guard let sample, let observed = nat.observed else { return close() }
        nextLocal = sample.nextLocal
        own = PortForecast(address: observed.address, port: sample.external, ports: nat.ports(forecastRound(number, context)))
        tellIfReady(context, at: now)
    }

    mutating func tellIfReady(_ context: DialContext, at now: Instant) {
        guard context.isRemoteAuthenticated, !context.isDirectPathDoubted, !hasSentForecast, let own else { return }
        guard !context.isConnecting else { return wait = (now + Self.recheckInterval, .tell) }
        hasSentForecast = true
        perform(.sendForecast(own, round: round))
        // The remote peer answers as soon as it knows what its own ports will be, if it answers at all. One that is far away, or that had to ask twice, may do so
        // later: as long as the meeting lasts.
        remoteForecastTimeout = now + max(.seconds(1), context.serverRoundTrip * 8)
        assumeRemoteForecast(context, at: now)
        fireIfReady(context, at: now)
    }

    /// If the remote peer's ports are kept, its card says what it will answer. It fires when it has our forecast, half a round trip by circuit from now. So does this
    /// side, without waiting for the answer; a few milliseconds later, so that our SYN does not come before the guesses are out.
    private mutating func assumeRemoteForecast(_ context: DialContext, at now: Instant) {
        guard case .sequential = own?.ports, remote == nil, context.keptRemoteEndpoint != nil, context.timeByCircuit > .zero else { return }
        assumedArrival = now + context.timeByCircuit + max(.milliseconds(5), context.timeByCircuit / 8)
    }

    mutating func received(
        _ forecast: PortForecast, _ number: Int, _ context: DialContext, at now: Instant
    ) {
        guard context.allowsPrediction, round <= Self.roundLimit else { return }
        switch number {
        case round where remote == nil: break
        case round + 1 where !isLast && round < Self.roundLimit:
            closeRound()
            remote = nil
            prepare(round + 1, against: forecast, context, at: now)
        default: return
        }
        // Nothing to tell, and so nothing to be done.
        guard own != nil || isActive || isPostponed else { return }
        isActive = !isPostponed
        remote = forecast
        assumedArrival = nil
        fireIfReady(context, at: now)
    }

    mutating func timeout(
        _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        if let time = assumedArrival, now >= time {
            assumedArrival = nil
            if remote == nil, let endpoint = context.keptRemoteEndpoint {
                remote = PortForecast(address: endpoint.address, port: endpoint.port, ports: .fixed)
                fireIfReady(context, at: now)
            }
        }
        if let time = remoteForecastTimeout, now >= time {
            remoteForecastTimeout = nil
            if isPostponed { return close() }
            if remote == nil { isActive = false }
        }
        guard let (until, what) = wait, now >= until else { return }
        wait = nil
        switch what {
        case .tell: tellIfReady(context, at: now)
        case .fire(let action): fire(action, context, &report, at: now)
        case .judge: judge(context, &report, at: now)
        }
    }
}
