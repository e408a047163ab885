import Testing

@testable import BodkinProtocols

@Suite("Kinds of paths")
struct PathKindTests {
    @Test("each kind has the code of the protocol, and no other code is a kind")
    func codes() {
        #expect(PathKind(wireCode: 0) == .circuit && PathKind(wireCode: 1) == .tcp && PathKind(wireCode: 2) == .turn)
        #expect((3...255 as ClosedRange<UInt8>).allSatisfy { PathKind(wireCode: $0) == nil })
        #expect(Set(PathKind.all.map(\.wireCode)).count == PathKind.all.count)
    }

    @Test("a direct path is preferred to a relayed one, whatever their codes are")
    func preference() {
        for direct in PathKind.all where direct.isDirect {
            #expect(PathKind.all.filter(\.isRelayed).allSatisfy { $0.preference < direct.preference })
        }
    }
}
