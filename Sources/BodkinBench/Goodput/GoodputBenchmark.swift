import BodkinCore
import BodkinExercise
import BodkinNATLab
import NIOCore
import NIOPosix

/// Goodput of a direct path over loopback beside a plain TLS 1.3 echo on the same library, socat over OpenSSL, and iperf3, all of them in turn in each
/// round and on the same host of a lab. What counts are bytes that one end has written, the other has echoed, and the first has read back.
struct GoodputBenchmark: Sendable {
    /// What is asked of Bodkin, as a share of the plain echo's goodput, paired round by round.
    private static let targets = [(streams: 1, share: 0.9), (streams: 100, share: 0.85)]
    private static let nameWidth = 34

    /// How many bytes are echoed each time.
    var byteCount = 256 << 20
    var rounds = 5

    /// Runs it and prints what it finds; false where a target is missed.
    func run() async throws -> Bool {
        print("goodput over loopback, \(byteCount >> 20) MiB written, echoed and read back, \(rounds) rounds of each in turn; median (least to most)")
        print("MB/s of what has come back, with both ends' seconds of processor time for a GB of that; load before: \(KernelFigures.load)")
        return try await withPeerLab(.pair(.open, .open, seed: TableBenchmark.seed)) { place in
            let host = try place.lab.host("a")
            let groups = [try await PeerLab.group(in: "a", of: place.lab), try await PeerLab.group(in: "a", of: place.lab)]
            let plain = try await PlainTLSEcho(host.address, near: groups[0], far: groups[1])
            let socat = try await SocatEcho(in: host)
            defer { socat.remove() }
            let table = GoodputTable(targets: Self.targets)
            try await EchoedConnection.with(place, in: "a") { bodkin in
                // What is made once, as large buffers, is made before anything counts.
                try await bodkin.echo(byteCount / 8, streams: 1)
                try await plain.echo(byteCount / 8)
                for round in 0..<rounds { try await run(round, bodkin, plain, socat, host, table) }
            }
            try await plain.close()
            for group in groups { try await group.shutdownGracefully() }
            return await table.show(nameWidth: Self.nameWidth)
        }
    }

    private func run(
        _ round: Int, _ bodkin: EchoedConnection, _ plain: PlainTLSEcho, _ socat: SocatEcho, _ host: LabHost, _ table: GoodputTable
    ) async throws {
        for (index, target) in Self.targets.enumerated() {
            // The second one may find the machine in another state, so they take turns.
            for isBodkin in round % 2 == 0 ? [true, false] : [false, true] {
                let (before, start) = (ProcessorTime.own, ContinuousClock.now)
                if isBodkin { try await bodkin.echo(byteCount, streams: target.streams) } else { try await plain.echo(byteCount) }
                await table.note(index, isBodkin, byteCount, (ContinuousClock.now - start) / .seconds(1), ProcessorTime.own - before)
            }
        }
        var before = ProcessorTime.ofEndedPrograms
        let start = ContinuousClock.now
        try await socat.echo(byteCount)
        await table.noteSocat(byteCount, (ContinuousClock.now - start) / .seconds(1), ProcessorTime.ofEndedPrograms - before)
        before = ProcessorTime.ofEndedPrograms
        let iperf = try await IperfRun(in: host, seconds: 1)
        await table.noteIperf(iperf.byteCount, iperf.seconds, ProcessorTime.ofEndedPrograms - before)
    }
}

/// What the rounds have brought.
private actor GoodputTable {
    private let targets: [(streams: Int, share: Double)]
    private var bodkin: [TransferRecord]
    private var plain: [TransferRecord]
    private var socat = TransferRecord("socat, OpenSSL, TLS 1.3")
    private var iperf = TransferRecord("iperf3, plain TCP, each direction")

    init(targets: [(streams: Int, share: Double)]) {
        self.targets = targets
        func name(_ count: Int) -> String { "\(count) stream\(count == 1 ? "" : "s")" }
        bodkin = targets.map { TransferRecord("Bodkin, \(name($0.streams))") }
        plain = targets.map { TransferRecord("plain TLS beside \(name($0.streams))") }
    }

    func note(_ index: Int, _ isBodkin: Bool, _ byteCount: Int, _ seconds: Double, _ processorSeconds: Double) {
        if isBodkin { bodkin[index].note(byteCount, seconds, processorSeconds) } else { plain[index].note(byteCount, seconds, processorSeconds) }
    }

    func noteSocat(_ byteCount: Int, _ seconds: Double, _ processorSeconds: Double) { socat.note(byteCount, seconds, processorSeconds) }
    func noteIperf(_ byteCount: Int, _ seconds: Double, _ processorSeconds: Double) { iperf.note(byteCount, seconds, processorSeconds) }

    /// Prints it; false where a target is missed.
    func show(nameWidth: Int) -> Bool {
        for (bodkin, plain) in zip(bodkin, plain) {
            bodkin.show(nameWidth: nameWidth)
            plain.show(nameWidth: nameWidth)
        }
        socat.show(nameWidth: nameWidth)
        iperf.show(nameWidth: nameWidth)
        var isMet = true
        for (index, target) in targets.enumerated() {
            let ratio = bodkin[index].goodput / plain[index].goodput
            let missed = ratio.median < target.share
            let verdict = missed ? ": MISSED" : ""
            print("  \(bodkin[index].name): \(ratio.text(decimals: 2)) of plain TLS, round by round; \(target.share) asked\(verdict)")
            isMet = isMet && !missed
        }
        return isMet
    }
}
