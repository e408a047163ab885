/// The presets that Linux can be made to behave as: the second, independent truth beside the emulation.
package enum KernelNAT {
    /// Whether Linux behaves as this preset when told to. Linux always maps by the whole flow; where it keeps the local port, that is
    /// indistinguishable from endpoint-independent mapping as long as no two internal hosts want one port.
    package static func canExpress(_ preset: NATPreset?) -> Bool {
        switch preset {
        case .firewall, .portRestricted, .portRestrictedRST, .portRestrictedICMP, .masquerade, .symmetricRandom, .udpBlocked, .only443: true
        default: false
        }
    }
}
