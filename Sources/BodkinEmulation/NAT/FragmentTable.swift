import BodkinCore

/// Joins later fragments to the verdict on their first one. Fragments out of order are discarded (RFC 4787 section 11 asks for those in order).
struct FragmentTable: Sendable {
    private struct Key: Hashable, Sendable {
        var flow: Flow
        var identification: UInt32
    }

    private var verdicts: [Key: (verdict: NATVerdict, deadline: LabInstant)] = [:]
    /// The most packets in fragments at once.
    private static let limit = 1024
    /// How long the fragments of one packet are waited for: the reassembly time of Linux (`ipfrag_time`).
    private static let lifetime = Duration.seconds(30)

    /// Returns the verdict, and keeps it where `packet` is the first of several fragments.
    mutating func remembered(_ verdict: NATVerdict, _ packet: PacketSummary, at now: LabInstant) -> NATVerdict {
        guard let identification = packet.followedByFragments else { return verdict }
        if verdicts.count >= Self.limit { verdicts = verdicts.filter { $0.value.deadline > now } }
        guard verdicts.count < Self.limit else { return verdict }
        verdicts[Key(flow: Self.withoutPorts(packet.flow), identification: identification)] = (verdict, now.advanced(by: Self.lifetime))
        return verdict
    }

    /// The verdict on a later fragment.
    func verdict(_ flow: Flow, _ identification: UInt32, at now: LabInstant) -> NATVerdict {
        guard let entry = verdicts[Key(flow: Self.withoutPorts(flow), identification: identification)], entry.deadline > now else {
            return .refused(.silence, .stray)
        }
        return entry.verdict
    }

    private static func withoutPorts(_ flow: Flow) -> Flow {
        Flow(flow.transport, from: Endpoint(flow.source.address, 0), to: Endpoint(flow.destination.address, 0))
    }
}
