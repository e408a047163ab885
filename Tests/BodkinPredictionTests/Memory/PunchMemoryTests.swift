import BodkinCore
import BodkinPrediction
import Testing

@Suite("What worked before")
struct PunchMemoryTests {
    static func kind(_ number: Int) -> NATProfile.Kind {
        NATProfile(AllocationEstimate(mapping: .addressAndPortDependent, allocation: .sequential(delta: number + 1), confidence: 1)).kind
    }
    static let kept = NATProfile(AllocationEstimate(mapping: .endpointIndependent, allocation: .equal, confidence: 1)).kind

    private static func precedent(_ round: Int = 1, isBurstFirst: Bool = false) throws -> Precedent {
        Precedent(.predicted, isBurstFirst: isBurstFirst, round: round, day: try #require(Day("2026-11-28")))
    }

    @Test("is remembered for the two kinds, in this order, and replaced by what works later")
    func pairs() throws {
        var memory = PunchMemory()
        let (first, second) = (try Self.precedent(), try Self.precedent(2, isBurstFirst: true))
        var isNews = memory.note(first, own: Self.kind(0), far: Self.kept)
        #expect(isNews)
        #expect(memory.precedent(own: Self.kind(0), far: Self.kept) == first)
        #expect(memory.precedent(own: Self.kept, far: Self.kind(0)) == nil && memory.precedent(own: Self.kind(1), far: Self.kept) == nil)
        isNews = memory.note(first, own: Self.kind(0), far: Self.kept)
        #expect(!isNews)
        isNews = memory.note(second, own: Self.kind(0), far: Self.kept)
        #expect(isNews && memory.count == 1)
        #expect(memory.precedent(own: Self.kind(0), far: Self.kept) == second)
        let wasKnown = [memory.forget(own: Self.kind(0), far: Self.kept), memory.forget(own: Self.kind(0), far: Self.kept)]
        #expect(wasKnown == [true, false] && memory == PunchMemory())
    }

    @Test("of more than 256 pairs the one that was of use longest ago is forgotten")
    func bound() throws {
        var memory = PunchMemory()
        for number in 0..<PunchMemory.limit { memory.note(try Self.precedent(), own: Self.kind(number), far: Self.kept) }
        memory.note(try Self.precedent(), own: Self.kind(0), far: Self.kept)
        memory.note(try Self.precedent(), own: Self.kind(1000), far: Self.kept)
        #expect(memory.count == PunchMemory.limit && memory.precedent(own: Self.kind(0), far: Self.kept) != nil)
        #expect(memory.precedent(own: Self.kind(1), far: Self.kept) == nil && memory.precedent(own: Self.kind(1000), far: Self.kept) != nil)
        #expect(memory.json.utf8.count <= PunchMemory.largestText)
        #expect(PunchMemory(json: memory.json) == memory)
    }

    @Test("the file holds kinds, the means, the round and the day, and nothing else")
    func file() throws {
        var memory = PunchMemory()
        memory.note(try Self.precedent(2, isBurstFirst: true), own: Self.kind(0), far: Self.kept)
        #expect(
            memory.json == #"{"precedents":[{"by":"predicted","far":"\#(Self.kept)","first":"burst","on":"2026-11-28","own":"\#(Self.kind(0))","#
                + #""round":2}],"version":1}"# + "\n")
        #expect(PunchMemory(json: memory.json) == memory)
    }

    @Test(
        "what is no memory is an empty one",
        arguments: [
            "", "{}", "[]", "\u{0}\u{FF}", #"{"version": 1}"#, #"{"version": 1, "precedents": 7}"#, #"{"version": "1", "precedents": []}"#,
            "{\"version\"",
        ])
    func garbage(text: String) { #expect(PunchMemory(json: text) == PunchMemory()) }

    @Test("of a list that is partly understood that part counts; a file of a later version is left alone")
    func foreign() throws {
        let good = #"{"own": "\#(Self.kind(0))", "far": "\#(Self.kept)", "by": "search", "round": 1, "on": "2026-11-28", "more": [1, {}]}"#
        let bad = [
            "7", "null", "{}", #"{"own": "a b", "far": "\#(Self.kept)", "by": "search", "round": 1, "on": "2026-11-28"}"#,
            good.replacing("search", with: "magic"), good.replacing("2026-11-28", with: "tomorrow"),
            good.replacing(#""round": 1"#, with: #""round": 99"#),
        ]
        let list = (bad + [good]).joined(separator: ", ")
        let memory = try #require(PunchMemory(json: #"{"version": 1, "more": true, "precedents": [\#(list)]}"#))
        #expect(memory.count == 1 && memory.precedent(own: Self.kind(0), far: Self.kept)?.means == .search)
        #expect(PunchMemory(json: #"{"version": 2, "precedents": [\#(good)]}"#) == nil)
        #expect(PunchMemory(json: String(repeating: " ", count: PunchMemory.largestText) + memory.json) == PunchMemory())
    }
}
