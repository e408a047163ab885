public import BodkinCore

/// What stands between this machine and its outside address, over IPv4.
public struct NestingProfile: Hashable, Sendable {
    /// A router on the way to the server.
    public struct Hop: Hashable, Sendable {
        /// How many hops away; the gateway is the first.
        public var number: Int
        /// What it calls itself.
        public var address: IPAddress

        /// A hop from its parts.
        public init(_ number: Int, _ address: IPAddress) {
            self.number = number
            self.address = address
        }
    }

    /// Those that have answered, up to six hops away.
    public var hops: [Hop]
    /// How many hops away the NAT is that has the outside address; 0 for this machine itself, nil where that is not known.
    public var outsideHop: Int?
    /// Whether there is a further router before that NAT, which may be a NAT, too, or connect parts of a private network; nil where that is not known.
    public var hasFurther: Bool?
    /// Whether the way to the outside address leads from a private network (RFC 1918) over a router of the space that carriers share with their customers (RFC 6598).
    public var passesSharedAddress: Bool

    /// A profile from its parts; without any, that of a machine without a NAT.
    public init(hops: [Hop] = [], outsideHop: Int? = 0, hasFurther: Bool? = false, passesSharedAddress: Bool = false) {
        self.hops = hops
        self.outsideHop = outsideHop
        self.hasFurther = hasFurther
        self.passesSharedAddress = passesSharedAddress
    }

    /// What the answers show, by the number of hops; nil where there are none.
    /// - Parameters:
    ///   - own: this machine's own address.
    ///   - inwards: to what was sent to the outside address.
    ///   - onwards: to what was sent to the server.
    package init?(own: IPAddress, inwards: [Int: HopAnswer], onwards: [Int: HopAnswer]) {
        guard !inwards.isEmpty || !onwards.isEmpty else { return nil }
        let before = inwards.compactMapValues(\.router)
        let routers = before.merging(onwards.compactMapValues(\.router)) { $1 }
        self.init(hops: routers.sorted { $0.key < $1.key }.map { Hop($0.key, $0.value) }, outsideHop: nil, hasFurther: nil)
        // So many routers have thrown away what was for the outside address: none of them has it.
        let count = before.keys.max() ?? 0
        // The next one has it where it says so, or answers only what is for somebody else.
        let isNext =
            switch inwards[count + 1] {
            case .closed?, .answered?: true
            case nil: onwards[count + 1]?.router != nil
            // A firewall may say so before it looks at the TTL.
            case .refused?, .exceeded?: false
            }
        if isNext { outsideHop = count + 1 }
        switch count {
        case 0: hasFurther = isNext ? false : nil
        // A NAT that sends everything from outside on to one machine inside may take this for such, and throw it away on the way there. Then what comes next is
        // the provider's.
        case 1: hasFurther = routers[2]?.scope == .private ? true : nil
        default: hasFurther = true
        }
        if hasFurther == nil { outsideHop = nil }
        // Nobody forwards to a customer's private address from there, so that it is a NAT that does.
        passesSharedAddress =
            hasFurther == true && own.scope == .private && !own.isShared
            && routers.contains { (2...count + 1).contains($0.key) && $0.value.isShared }
    }

    /// Whether there is more than one NAT for certain, or one alone; nil where it may be either.
    public var isNested: Bool? { passesSharedAddress ? true : hasFurther == false ? false : nil }

    /// How many NATs there are at least.
    public var natCount: Int { outsideHop == 0 ? 0 : passesSharedAddress ? 2 : 1 }
}

extension HopAnswer {
    /// The router whose turn it was.
    fileprivate var router: IPAddress? {
        guard case .exceeded(let router) = self else { return nil }
        return router
    }
}
