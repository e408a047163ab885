import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPrediction
import FoundationEssentials
import Testing

/// What worked between two kinds of networks is tried first the next time, whoever the peers are. In a process of its own, as ``BudgetTests``: who fires first is a
/// matter of milliseconds.
@Suite(
    "Precedents in the lab", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct PrecedentTests {
    /// Dials once, with new identities in a new lab, and a file for each side's memory.
    private static func dial(_ near: String, _ far: String, seed: UInt64, memories: [String]) async throws -> ConnectionReport {
        let (a, b) = (try #require(AccessNetwork(rawValue: near)), try #require(AccessNetwork(rawValue: far)))
        let topology = Topology.pair(a, b, link: LinkParameters(delay: .milliseconds(25)), seed: seed)
        return try await withPeerLab(topology) { place in
            @Sendable func configure(_ index: Int) -> @Sendable (inout Peer.Configuration) -> Void {
                {
                    $0.admission = .anyone
                    $0.memoryFile = memories[index]
                }
            }
            return try await place.withPeer(in: "b", configure(1)) { called in
                try await place.withPeer(in: "a", configure(0)) { dialler in
                    try await called.warm()
                    try await dialler.warm()
                    let connection = try await dialler.connect(to: called.id)
                    try await connection.write("x".utf8)
                    let report = try await connection.settled()
                    // The called side has settled, too, and written down what it has learnt.
                    if report.route == .direct { try await eventually("the called side's memory") { try Self.memory(memories[1]).count == 1 } }
                    return report
                }
            }
        }
    }

    private static func memory(_ path: String) throws -> PunchMemory {
        guard FileManager.default.fileExists(atPath: path) else { return PunchMemory() }
        return try #require(PunchMemory(json: String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)))
    }

    /// Runs `body` with two files that are not there yet.
    private static func withMemories(_ body: ([String]) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(["a", "b"].map { "\(directory)/\($0).json" })
    }

    @Test(
        "what has led to a direct path is written down for the two networks, with its order, and tried first the next time",
        arguments: [("symmetric/independent", "blocked/equal"), ("blocked/random", "symmetric/preserving")])
    func learns(near: String, far: String) async throws {
        try await Self.withMemories { memories in
            // This NAT lets no SYN meet another: guesses that come before the other side's ports are open are lost. It is a matter of milliseconds whether they do.
            let first = try await Self.dial(near, far, seed: 1, memories: memories)
            #expect(first.route == .direct && (1...2).contains(first.rounds) && first.precedent == nil, "\(first)")
            let second = try await Self.dial(near, far, seed: 2, memories: memories)
            #expect(second.route == .direct && second.rounds <= (first.rounds == 2 ? 1 : 2), "\(second)")
            let precedent = try #require(second.precedent)
            #expect(precedent.isBurstFirst == (first.rounds == 2) && precedent.round == first.rounds && precedent.means == .predicted)
            let order = precedent.isBurstFirst ? ", the fresh ports first" : ""
            #expect("\(second)".contains("worked before, on \(precedent.day): predicted ports, in round \(first.rounds)\(order)"), "\(second)")
            for path in memories {
                let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
                #expect(text.contains(#""round":\#(second.rounds)"#) && !text.contains("203.0.113"), "\(text)")
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
        }
    }

    @Test("what has worked is confirmed with its day; where it works no more, the other order is remembered")
    func confirmed() async throws {
        try await Self.withMemories { memories in
            // What both sides would have learnt of a NAT that lets no SYN meet another.
            let counted = PortForecast(address: IPAddress(v4: 1), port: 1, ports: .counted(delta: 1, count: 16, index: 8)).network.kind
            let kept = PortForecast(address: IPAddress(v4: 1), port: 1, ports: .kept).network.kind
            let day = try #require(Day("2026-01-31"))
            for (path, own, far) in [(memories[0], counted, kept), (memories[1], kept, counted)] {
                var memory = PunchMemory()
                memory.note(Precedent(.predicted, isBurstFirst: true, round: 1, day: day), own: own, far: far)
                try Data(memory.json.utf8).write(to: URL(filePath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
            let report = try await Self.dial("symmetric-seq", "port-restricted-rst", seed: 1, memories: memories)
            #expect(report.route == .direct && report.precedent?.day == day, "\(report)")
            // This NAT answers a SYN that comes before the guesses have opened it by an RST: whether it does is a matter of milliseconds.
            let learnt = try Self.memory(memories[0]).precedent(own: counted, far: kept)
            #expect(learnt?.isBurstFirst == (report.rounds == 1) && learnt?.round == report.rounds, "\(report)")
            #expect(learnt.map { $0.day > day } == true)
        }
    }

    @Test(
        "what cannot be read is as good as nothing, and stays as it is where it is of a later version",
        arguments: ["garbage", #"{"version": 9, "precedents": []}"#])
    func unreadable(text: String) async throws {
        try await Self.withMemories { memories in
            try Data(text.utf8).write(to: URL(filePath: memories[0]))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: memories[0])
            let report = try await Self.dial("symmetric-seq", "symmetric-seq", seed: 1, memories: memories)
            #expect(report.route == .direct && report.precedent == nil, "\(report)")
            let after = String(decoding: try Data(contentsOf: URL(filePath: memories[0])), as: UTF8.self)
            #expect((after == text) == text.contains("version"))
        }
    }
}
