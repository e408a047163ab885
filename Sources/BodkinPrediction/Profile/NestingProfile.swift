public import BodkinCore

/// The NATs between this host and its external address, over IPv4.
public struct NestingProfile: Hashable, Sendable {
    /// A router on the path to the server.
    public struct Hop: Hashable, Sendable {
        /// The number of hops to the router; the gateway is 1.
        public var number: Int
        /// The address that the router answers from.
        public var address: IPAddress

        /// A hop from its parts.
        package init(_ number: Int, _ address: IPAddress) {
            self.number = number
            self.address = address
        }
    }

    /// The routers that answered, up to six hops away.
    public var hops: [Hop]
    /// The number of hops to the NAT that has the external address; 0 for this host itself, nil if unknown.
    public var outsideHop: Int?
    /// Whether a further router is before that NAT; nil if unknown. That router may be a NAT itself, or connect parts of a private network.
    public var hasFurther: Bool?
    /// Whether the path to the external address leads from a private network (RFC 1918) over a router of the shared address space of carriers (RFC 6598).
    public var passesSharedAddress: Bool

    /// A profile from its parts; without any, the profile of a host without a NAT.
    package init(hops: [Hop] = [], outsideHop: Int? = 0, hasFurther: Bool? = false, passesSharedAddress: Bool = false) {
        self.hops = hops
        self.outsideHop = outsideHop
        self.hasFurther = hasFurther
        self.passesSharedAddress = passesSharedAddress
    }

    /// The profile that follows from the answers, by the number of hops; nil without any answer.
    /// - Parameters:
    ///   - own: the address of this host.
    ///   - inwards: the answers to datagrams for the external address.
    ///   - onwards: the answers to datagrams for the server.
    package init?(own: IPAddress, inwards: [Int: HopAnswer], onwards: [Int: HopAnswer]) {
        guard !inwards.isEmpty || !onwards.isEmpty else { return nil }
        let before = inwards.compactMapValues(\.router)
        let routers = before.merging(onwards.compactMapValues(\.router)) { $1 }
        self.init(hops: routers.sorted { $0.key < $1.key }.map { Hop($0.key, $0.value) }, outsideHop: nil, hasFurther: nil)
        // This many routers have discarded datagrams for the external address, so none of them has it.
        let count = before.keys.max() ?? 0
        // The next router has it if it says so, or if it answers only datagrams for another address.
        let isNext =
            switch inwards[count + 1] {
            case .closed?, .answered?: true
            case nil: onwards[count + 1]?.router != nil
            // A firewall may refuse before it looks at the TTL.
            case .refused?, .exceeded?: false
            }
        if isNext { outsideHop = count + 1 }
        switch count {
        case 0: hasFurther = isNext ? false : nil
        // A NAT that forwards everything from outside to one internal host may forward this, too, and discard it there. Then the next router is the provider's.
        case 1: hasFurther = routers[2]?.scope == .private ? true : nil
        default: hasFurther = true
        }
        if hasFurther == nil { outsideHop = nil }
        // Only a NAT forwards from the shared space to a private address of a customer.
        passesSharedAddress =
            hasFurther == true && own.scope == .private && !own.isShared
            && routers.contains { (2...count + 1).contains($0.key) && $0.value.isShared }
    }

    /// Whether there certainly are several NATs (true) or one (false); nil if it may be either.
    public var isNested: Bool? { passesSharedAddress ? true : hasFurther == false ? false : nil }

    /// The least number of NATs.
    public var natCount: Int { outsideHop == 0 ? 0 : passesSharedAddress ? 2 : 1 }
}

extension HopAnswer {
    /// The router that discarded the datagram.
    fileprivate var router: IPAddress? {
        guard case .exceeded(let router) = self else { return nil }
        return router
    }
}
