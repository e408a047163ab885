import BodkinEmulation

/// The presets as nftables rules. The interfaces are `lan0` (inside) and `wan0` (outside).
extension KernelNAT {
    /// The ruleset, as `nft -f` reads it.
    static func rules(for box: Topology.Box) -> String {
        let parameters = box.parameters
        let masquerade = parameters.tcp.allocation == .random ? "masquerade random,fully-random" : "masquerade"
        let postrouting = "chain postrouting { type nat hook postrouting priority srcnat; oifname \"wan0\" meta nfproto ipv4 \(masquerade); }"
        return """
            table inet bodkin {
              \(parameters.translates ? postrouting : "")
              chain forward {
                type filter hook forward priority filter; policy accept;
                \(outbound(parameters.tcp, "tcp"))
                \(outbound(parameters.udp, "udp"))
                iifname "wan0" ct state established,related accept
                \(refusal(parameters.tcp.unsolicited))
                iifname "wan0" drop
              }
              chain input {
                type filter hook input priority filter; policy accept;
                iifname "wan0" ct state established,related accept
                \(refusal(parameters.tcp.unsolicited))
                iifname "wan0" drop
              }
            }
            """
    }

    /// Sysctls of the router.
    static let settings = ["net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"]

    /// Sysctls of conntrack, which exist only once the rules have brought it in.
    static func conntrackSettings(for box: Topology.Box) -> [String: String] {
        ["net/netfilter/nf_conntrack_tcp_loose": box.parameters.midstream == .adopt ? "1" : "0"]
    }

    private static func outbound(_ behaviour: TransportBehaviour, _ transport: String) -> String {
        guard let allowed = behaviour.allowedPorts else { return "" }
        if allowed.isEmpty { return "iifname \"lan0\" meta l4proto \(transport) drop" }
        return "iifname \"lan0\" \(transport) dport != { \(allowed.sorted().map(String.init).joined(separator: ", ")) } drop"
    }

    private static func refusal(_ refusal: Refusal) -> String {
        switch refusal {
        case .silence: ""
        case .reset: "iifname \"wan0\" tcp flags & (syn | ack) == syn reject with tcp reset"
        case .unreachable: "iifname \"wan0\" tcp flags & (syn | ack) == syn reject with icmpx type port-unreachable"
        }
    }
}
