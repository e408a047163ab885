import BodkinCore
import BodkinExercise
import BodkinPairs
import BodkinPrediction
import Testing

@testable import BodkinBench
@testable import BodkinNATLab

@Suite("What rivals are told, and what they say")
struct RivalTests {
    /// The numbers are those of p2pd's `nat_utils.py`: 1 open, 2 firewall, 3 full cone, 4 restricted, 5 port restricted, 6 symmetric.
    @Test(
        "a NAT's type in p2pd's numbers",
        arguments: [
            ("open", 1), ("firewall", 2), ("full-cone", 3), ("restricted", 4), ("port-restricted", 5), ("cgn", 5), ("masquerade", 5),
            ("random-cone", 5),
            ("symmetric-seq", 6), ("symmetric-dependent", 6), ("symmetric-block", 6), ("symmetric-random", 6), ("cgn-block", 6),
        ])
    func told(name: String, type: Int) throws {
        let network = try #require(AccessNetwork(rawValue: name))
        #expect(NATProfile(told: network.layers, address: .unspecified(.v4)).typeForRivals == type)
    }

    @Test("the first report of each kind counts, and a package's own words are passed over")
    func reports() {
        let output = """
            [LOG-LOCATION] somewhere
            {"start": 12.5}
            "ready"
            {"echo": 15.25}
            {"echo": 16.5}
            {"failure": "late"}
            """
        let report = RivalReport(ProcessResult(status: 0, output: output, error: "words"))
        #expect(report.start == 12.5 && report.byte == nil && report.echo == 15.25)
        #expect(report.failure == "late" && report.error == "words")
    }

    @Test("a connection counts only when the byte has come back")
    func echoes() throws {
        func dial(near: String, far: String) throws -> RivalDial {
            let nothing = ProcessResult(status: 0, output: "", error: "")
            var (nearResult, farResult) = (nothing, nothing)
            (nearResult.output, farResult.output) = (near, far)
            return try RivalDial(near: nearResult, far: farResult, relay: nothing)
        }
        let direct = try dial(near: "{\"start\": 1.0}\n{\"echo\": 3.75}", far: "{\"byte\": 3.5}")
        #expect(direct.outcome == .direct && direct.firstByte == .seconds(2.5))
        let halfway = try dial(near: "{\"start\": 1.0}\n{\"failure\": \"no connection in 15 s\"}", far: "{\"byte\": 3.5}")
        #expect(halfway.outcome == .none("no connection in 15 s") && halfway.firstByte == nil)
        // The host that refused knows more than the one that waited for it.
        let refused = try dial(near: "{\"start\": 1.0}\n{\"failure\": \"no connection in 25 s\"}", far: "{\"failure\": \"Exception: cannot\"}")
        #expect(refused.outcome == .none("Exception: cannot"))
        #expect(throws: BenchmarkFailure.self) { try dial(near: "", far: "") }
    }
}
