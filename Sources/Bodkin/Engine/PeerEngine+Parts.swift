/// The objects that a peer consists of.
extension PeerEngine {
    /// Each object that there is now, by kind.
    var parts: [(kind: String, object: AnyObject)] {
        let drivers: [(kind: String, object: AnyObject)] = [
            ("engine", self), ("network", network), ("ports", ports), ("NAT", nat), ("rendezvous", rendezvous), ("inbound", inbound),
            ("remotes", remotes),
        ]
        return drivers + circuits.values.map { ("circuit", $0) } + remotes.drivers.values.flatMap { $0.parts }
    }
}

extension RemoteDriver {
    /// The dials and sessions with the remote peer, and what they run on.
    var parts: [(kind: String, object: AnyObject)] {
        let records = sessions.values
        let paths = records.compactMap { $0.driver.activePath }
        return [("remote", self)] + dials.map { ("dial", $0) } + records.map { ("session record", $0) } + records.map { ("session", $0.driver) }
            + paths.map { ("path", $0) } + paths.map { ("channel", $0.channel) }
    }
}
