import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

@Suite("Circuits through a server", .timeLimit(.minutes(1)))
struct RelayTests {
    @Test("ten windows go through unchanged as credit is given, in both directions at once")
    func bulk() async throws {
        try await withServer({ $0.limits.circuitWindow = 65_536 }) { listening in
            let (dialer, called, attempt) = try await TestPeer.met(listening)
            let pieces = (0..<64).map { number in (0..<10_240).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) } }
            let sides = (UncheckedBox(dialer), UncheckedBox(called))
            async let first = exchange(sides.0, attempt, pieces)
            async let second = exchange(sides.1, attempt, pieces)
            let total = pieces.reduce([], +)
            #expect(try await first == total)
            #expect(try await second == total)
        }
    }

    /// Writes the pieces as the window allows, and reads as many bytes.
    private func exchange(_ side: UncheckedBox<TestPeer>, _ attempt: AttemptID, _ pieces: [[UInt8]]) async throws -> [UInt8] {
        let peer = side.value
        let count = pieces.reduce(0) { $0 + $1.count }
        var waiting = pieces[...]
        var room = 65_536
        var read: [UInt8] = []
        while true {
            while let piece = waiting.first, piece.count <= room {
                peer.send(peer.data(attempt, piece))
                room -= piece.count
                waiting.removeFirst()
            }
            if waiting.isEmpty && read.count >= count { return read }
            switch await peer.next() {
            case .circuitData(let data)?:
                read += data.data
                peer.send(peer.credit(attempt, data.data.count))
            case .circuitCredit(let credit)?: room += Int(credit.bytes)
            case let other: throw TestPeer.Unexpected(wanted: "data or credit", got: other)
            }
        }
    }

    @Test("one byte beyond the window ends that circuit, and the connection lives")
    func violation() async throws {
        try await withServer({ $0.limits.circuitWindow = 10_000 }) { listening in
            let (dialer, called, attempt) = try await TestPeer.met(listening)
            dialer.send(dialer.data(attempt, Array(repeating: 1, count: 10_000)), dialer.data(attempt, [1]))
            #expect(try await dialer.circuitClosed().reason == .violation)
            #expect(try await called.data().data.count == 10_000)
            #expect(try await called.circuitClosed().reason == .violation)
            dialer.send(dialer.dial(called.id))
            _ = try await dialer.meet()
        }
    }

    @Test("credit for what was never written ends the circuit")
    func unearned() async throws {
        try await withServer { listening in
            let (dialer, called, attempt) = try await TestPeer.met(listening)
            called.send(called.credit(attempt, 1))
            #expect(try await called.circuitClosed().reason == .violation)
            #expect(try await dialer.circuitClosed().reason == .violation)
        }
    }

    @Test("a side that goes ends its circuits, behind what it has sent")
    func gone() async throws {
        try await withServer { listening in
            let (dialer, called, attempt) = try await TestPeer.met(listening)
            dialer.send(dialer.data(attempt, Array(repeating: 5, count: 9_000)))
            try await dialer.channel.close().get()
            #expect(try await called.data().data.count == 9_000)
            #expect(try await called.circuitClosed().reason == .peerGone)
        }
    }

    @Test("a quiet circuit and a Meet overtake forty busy circuits of a reader that is slow")
    func fair() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let busy = try await TestPeer.registered(listening, admission: .nobody)
            let quiet = try await TestPeer.registered(listening, admission: .nobody)
            let attempts = (0..<40).map { _ in AttemptID.random() }
            for attempt in attempts {
                busy.send(busy.dial(called.id, attempt))
                _ = try await called.meet()
                called.send(called.answer(attempt))
                _ = try await busy.meet()
            }
            let small = AttemptID.random()
            quiet.send(quiet.dial(called.id, small))
            _ = try await called.meet()
            called.send(called.answer(small))
            _ = try await quiet.meet()
            // 10 MB meet a reader that does not read: more than the kernel takes.
            try await called.channel.setOption(.autoRead, value: false).get()
            let piece = [UInt8](repeating: 1, count: 16_384)
            for attempt in attempts { for _ in 0..<16 { busy.send(busy.data(attempt, piece)) } }
            busy.send(.ping(WirePing()))
            guard case .pong? = await busy.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
            let last = AttemptID.random()
            quiet.send(quiet.data(small, [2]), quiet.dial(called.id, last, early: ""))
            _ = try await quiet.meet()
            try await called.channel.setOption(.autoRead, value: true).get()
            var (before, behind, met) = (0, 0, false)
            var seenQuiet = false
            while before + behind < attempts.count * 16 * piece.count {
                switch await called.next() {
                case .circuitData(let data)? where data.attempt == Data(small.bytes): seenQuiet = true
                case .circuitData(let data)?: if seenQuiet && met { behind += data.data.count } else { before += data.data.count }
                case .meet(let meet)?:
                    met = meet.attempt == Data(last.bytes)
                    called.send(called.answer(last))
                case let other: throw TestPeer.Unexpected(wanted: "data or a meet", got: other)
                }
            }
            // What the kernel had taken already cannot be overtaken; a round of the forty more.
            #expect(seenQuiet && met && behind > 1_000_000, "\(before) bytes came before, \(behind) behind")
        }
    }
}
