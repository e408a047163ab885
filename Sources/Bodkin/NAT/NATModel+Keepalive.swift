import BodkinCore
import BodkinProtocols

/// How often an idle connection says something: as seldom as the NATs on the way allow, which the connections themselves find out.
extension NATModel {
    /// The most local addresses that something is known of.
    private static let addressLimit = 32

    /// After what silence to send something from a local address.
    func keepalive(from address: IPAddress?) -> Duration { (address.flatMap { keepalives[$0] } ?? KeepaliveSearch()).interval }

    mutating func updateKeepalive(_ address: IPAddress, _ change: (inout KeepaliveSearch) -> Void) {
        if keepalives[address] == nil, keepalives.count >= Self.addressLimit { keepalives = [:] }
        change(&keepalives[address, default: KeepaliveSearch()])
    }
}
