import BodkinProtocols
import Testing

@Suite("The size of segments")
struct SegmentSizingTests {
    /// What the system knows of a connection that has fallen silent, and whether lost large packets would explain it.
    static let silences: [(name: String, silence: SegmentSizing.Silence, isBlackHole: Bool)] = [
        ("a handshake of ours that is never acknowledged", .init(acknowledged: 300, segmentsUnderWay: 2, largestReceived: 536), true),
        ("a transfer that never began", .init(acknowledged: 5_000, segmentsUnderWay: 10, largestReceived: 900), true),
        (
            "an answer that does not come though our question was acknowledged", .init(acknowledged: 300, segmentsUnderWay: 0, largestReceived: 536),
            true
        ),
        ("an answer that does not come where large ones came before", .init(acknowledged: 300, segmentsUnderWay: 0, largestReceived: 1_448), false),
        ("a transfer that has gone on for long", .init(acknowledged: 1 << 20, segmentsUnderWay: 10, largestReceived: 536), false),
    ]

    @Test("becomes small after a silence that lost large packets would explain, and no other", arguments: silences.indices)
    func silence(_ index: Int) {
        let member = Self.silences[index]
        var sizing = SegmentSizing()
        #expect(sizing.limit == nil)
        sizing.fellSilent(member.silence)
        #expect(sizing.limit == (member.isBlackHole ? SegmentSizing.small : nil), "\(member.name)")
        // With IPv6's and TCP's headers and the timestamps it fits the least MTU of IPv6.
        #expect(SegmentSizing.small + 40 + 20 + 12 <= 1280)
        sizing.networkChanged()
        #expect(sizing.limit == nil)
    }
}
