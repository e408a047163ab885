import BodkinExercise
import BodkinNATLab

/// Transfers over links of the lab, by rate, delay, loss, route and direction, beside plain TCP over the same link in the same run, as a Markdown table.
struct LinkBenchmark: Sendable {
    /// How much longer than plain TCP a transfer may take, dial and takeover included.
    private static let target = 1.1

    /// How long the link takes for the bytes of a transfer at least.
    var seconds = 10
    var rounds = 3
    private let cells: [LinkCell]

    /// - Parameter words: a number of seconds, a number of rounds, and names of links, routes and directions.
    init(_ words: [String]) {
        let numbers = words.compactMap { Int($0) }
        seconds = max(1, numbers.first ?? seconds)
        rounds = max(1, numbers.dropFirst().first ?? rounds)
        cells = LinkCell.cells(named: words)
    }

    /// Runs it and prints the table; false where a target is missed.
    func run() async throws -> Bool {
        let control = try await withLab(.pair(.open, .open, seed: TableBenchmark.seed)) { lab in
            try await lab.host("a").run("cat", "/proc/sys/net/ipv4/tcp_congestion_control").output
        }
        print("transfers of \(seconds) s of the link's rate, \(rounds) rounds in turn; congestion control: \(control.filter { !$0.isNewline })")
        print("median (least to most); at most \(Self.target) of plain TCP asked, dial and takeover included\n")
        print("| Mbit/s | round trip | loss | route | writes | Bodkin, s | of which the dial | moved after | socat, plain TCP, s | times |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        var isMet = true
        for cell in cells { isMet = try await run(cell) && isMet }
        return isMet
    }

    private func run(_ cell: LinkCell) async throws -> Bool {
        var (bodkin, dial, plain) = (Rounds(), Rounds(), Rounds())
        var moves = Rounds()
        var losses = 0
        for round in 0..<rounds {
            let byteCount = cell.byteCount(seconds: seconds)
            let result = try await withPeerLab(cell.topology(seed: TableBenchmark.seed &+ UInt64(round))) { place in
                // The second one may find the machine in another state, so they take turns.
                let first = round % 2 == 0 ? try await PlainTransfer.run(cell, byteCount: byteCount, in: place.lab) : nil
                let transfer = try await PeerTransfer.run(cell, byteCount: byteCount, in: place)
                if let first { return (transfer, first) }
                return (transfer, try await PlainTransfer.run(cell, byteCount: byteCount, in: place.lab))
            }
            bodkin.append(result.0.seconds)
            dial.append(result.0.dialSeconds)
            if let moved = result.0.movedAfter { moves.append(moved) }
            losses += result.0.losses
            plain.append(result.1)
        }
        let times = bodkin / plain
        let isMet = times.median <= Self.target && losses == 0
        let loss = "\(Rounds.text(cell.loss * 100, 1)) %"
        let cells = [
            "\(cell.rate / 1_000_000)", "\(Rounds.text(cell.roundTrip / .milliseconds(1), 0)) ms", loss, cell.route.rawValue, cell.direction.rawValue,
            bodkin.text(decimals: 1), Rounds.text(dial.median, 2), moves.values.isEmpty ? "" : Rounds.text(moves.median, 2),
            plain.text(decimals: 1),
            times.text(decimals: 2) + (losses == 0 ? "" : ", \(losses) paths lost") + (isMet ? "" : ", **missed**"),
        ]
        print("| " + cells.joined(separator: " | ") + " |")
        return isMet
    }
}
