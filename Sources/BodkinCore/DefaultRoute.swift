/// A way out of the network here.
public struct DefaultRoute: Hashable, Sendable {
    /// The interface that it leaves by.
    public let interface: String
    /// The gateway; nil on a link without one.
    public let gateway: IPAddress?
    /// The family it is for.
    public let family: IPAddress.Family
    /// The lower one is preferred.
    public let metric: UInt32

    /// A route from its parts.
    package init(interface: String, gateway: IPAddress?, family: IPAddress.Family, metric: UInt32) {
        self.interface = interface
        self.gateway = gateway
        self.family = family
        self.metric = metric
    }
}
