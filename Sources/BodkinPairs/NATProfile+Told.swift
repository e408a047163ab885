package import BodkinCore
package import BodkinEmulation
package import BodkinPrediction

extension NATProfile {
    /// The complete profile of emulated boxes, as a perfect measurement would find it.
    /// - Parameters:
    ///   - layers: the boxes between a host and the Internet, the one next to the host first.
    ///   - address: the external address.
    package init(told layers: [NATParameters], address: IPAddress) {
        guard let box = layers.last else {
            self.init(AllocationEstimate(mapping: .none, allocation: .equal, confidence: 1, addresses: [address]))
            filtering = .endpointIndependent
            (unsolicited, resetLoss, acceptsSimultaneousOpen, allowsAllPorts, hairpin, isNested) = (.reset, .nothing, true, true, true, false)
            return
        }
        let translating = layers.filter(\.translates)
        // Of several NATs the outermost that changes ports decides which; a home router that keeps them does not show.
        let allocating = translating.last { $0.tcp.allocation != .equal }
        let allocation = allocating.map { AllocationKind(told: $0) } ?? .equal
        var noise: NoiseEstimate?
        if allocation.delta != nil, let rate = allocating?.backgroundNoise { noise = NoiseEstimate(rate: rate, bound: rate) }
        self.init(
            AllocationEstimate(
                mapping: translating.map(MappingBehaviour.init(told:)).max { $0.strictness < $1.strictness } ?? .none, allocation: allocation,
                confidence: 1, noise: noise, addresses: [address]))
        filtering = layers.map { FilteringBehaviour(told: $0.tcp.filtering) }.max { $0.strictness < $1.strictness } ?? .unknown
        unsolicited = UnsolicitedReaction(told: (layers.last { $0.tcp.filtering != .endpointIndependent } ?? box).tcp.unsolicited)
        resetLoss = layers.map { ResetLoss(told: $0.resetEffect) }.max { $0.extent < $1.extent } ?? .unknown
        acceptsSimultaneousOpen = layers.allSatisfy(\.acceptsSimultaneousOpen)
        allowsAllPorts = layers.allSatisfy { $0.tcp.allowedPorts == nil }
        hairpin = box.hairpin
        isNested = translating.count > 1
        udp = DatagramProfile(passes: layers.allSatisfy { $0.udp.allowedPorts == nil })
    }
}

extension AllocationKind {
    /// A shift and a block's place are the NAT's own choice: any stand for them.
    fileprivate init(told box: NATParameters) {
        self =
            switch box.tcp.allocation {
            case .equal: .equal
            case .preserving: .preserving(shift: 777)
            case .sequential(let delta): .sequential(delta: delta)
            case .dependent(let delta): .dependent(delta: delta)
            case .random: .random(box.ports)
            case .block(let size, _): .block(box.ports.lowerBound...UInt16(clamping: Int(box.ports.lowerBound) + size - 1))
            }
    }
}

extension MappingBehaviour {
    /// A NAT that keeps the local port towards every destination is endpoint-independent for all that can be seen.
    fileprivate init(told box: NATParameters) {
        self =
            switch box.tcp.mapping {
            case _ where box.tcp.allocation == .equal: .endpointIndependent
            case .endpointIndependent: .endpointIndependent
            case .addressDependent: .addressDependent
            case .addressAndPortDependent: .addressAndPortDependent
            }
    }

    fileprivate var strictness: Int {
        switch self {
        case .none, .unknown: 0
        case .endpointIndependent: 1
        case .addressDependent: 2
        case .addressAndPortDependent: 3
        }
    }
}

extension FilteringBehaviour {
    fileprivate init(told filtering: Filtering) {
        self =
            switch filtering {
            case .endpointIndependent: .endpointIndependent
            case .addressDependent: .addressDependent
            case .addressAndPortDependent: .addressAndPortDependent
            }
    }

    fileprivate var strictness: Int {
        switch self {
        case .endpointIndependent, .unknown: 0
        case .addressDependent: 1
        case .addressAndPortDependent: 2
        }
    }
}

extension UnsolicitedReaction {
    fileprivate init(told refusal: Refusal) {
        self =
            switch refusal {
            case .silence: .silence
            case .reset: .reset
            case .unreachable: .unreachable
            }
    }
}

extension ResetLoss {
    fileprivate init(told effect: ResetEffect) {
        self =
            switch effect {
            case .none: .nothing
            case .session: .session
            case .mapping: .mapping
            }
    }

    fileprivate var extent: Int {
        switch self {
        case .nothing, .unknown: 0
        case .session: 1
        case .mapping: 2
        }
    }
}
