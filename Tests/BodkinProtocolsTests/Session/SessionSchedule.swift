import BodkinCore
import BodkinFuzzers
import NIOCore
import Testing

@testable import BodkinProtocols

/// A random life of two sessions: streams, paths that come, die and are replaced, and bytes that arrive whenever.
final class SessionSchedule {
    /// What one side knows of its sending half of a stream.
    struct Sent { var count = 0, isFinished = false, isReset = false, isStopped = false }
    /// What one side knows of its receiving half.
    struct Received { var count = 0, last = StreamRead.nothing, isUnwanted = false }
    /// A path: the bytes on their way, and what each end knows.
    struct Path { var flows = [ByteBuffer(), ByteBuffer()], isDead = false, isKnown = [true, true], isClosing = [false, false] }

    let wire: SessionWire
    let configuration: Session.Configuration
    var random: SplitMix64
    var paths: [PathID: Path] = [:]
    var numberOfPaths: UInt64 = 0
    var deaths = 0
    var sent: [[StreamID: Sent]] = [[:], [:]]
    var received: [[StreamID: Received]] = [[:], [:]]
    var wrong: [String] = []
    var ends: [SessionWire.End] { [wire.dialer, wire.called] }

    private static let content = ByteBuffer(bytes: (0..<80_000).map { UInt8(truncatingIfNeeded: ($0 % 20_011) &* 31 &+ ($0 % 20_011) >> 8) })

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
        var configuration = Session.Configuration()
        if seed % 3 != 0 {
            configuration.streamWindow = 65_536
            configuration.largestStreamWindow = 131_072
            configuration.connectionWindow = 90_000
            configuration.largestConnectionWindow = 200_000
            configuration.remoteStreams = 3
            configuration.unacknowledgedBytes = 65_536
            configuration.unacknowledgedRecords = 16
            configuration.streamSendBuffer = 30_000
        }
        self.configuration = configuration
        wire = SessionWire(dialer: configuration, called: configuration)
        for side in 0..<2 { (sent[side][.initial], received[side][.initial]) = (Sent(), Received()) }
    }

    /// The content of a stream in one direction: every position looks different, in every stream and direction.
    private func content(_ side: Int, _ stream: StreamID, from start: Int, count: Int) -> ByteBuffer {
        let offset = (start + Int(stream.rawValue) * 131 + side * 17) % 20_011
        return Self.content.getSlice(at: offset, length: count) ?? ByteBuffer()
    }

    func step(isQuiet: Bool = false) {
        let side = Int(random.below(2))
        switch random.below(isQuiet ? 60 : 100) {
        case 0..<25: deliver(side)
        case 25..<45: send(side)
        case 45..<55: read(side)
        case 55..<60: ends[side].session.flushAcknowledgement()
        case 60..<85: write(side)
        case 85..<90: if let stream = ends[side].open() { (sent[side][stream], received[side][stream]) = (Sent(), Received()) }
        case 90..<94: finish(side)
        case 94: reset(side)
        case 95: stop(side)
        case 96:
            if random.chance(4) {
                kill()
            } else if let path = anyPath() {
                random.chance(3) ? ends[side].session.suspect(path) : ends[side].session.probe(path)
            }
        default: if random.chance(5) { addPath() }
        }
        collect()
        check()
    }

    /// Lets everything come to its end.
    func conclude() {
        for round in 0..<2_000 {
            finishAll()
            if !paths.values.contains(where: { !$0.isDead && !$0.isClosing[0] && !$0.isClosing[1] }) { addPath() }
            for path in paths.keys where paths[path]?.isDead == true { forget(path) }
            for _ in 0..<20 { step(isQuiet: true) }
            if round % 10 == 0, isConcluded { return }
        }
        wrong.append("deadlock: \(ends.map { ($0.unacknowledged, $0.unsent, $0.streamCount, $0.unread, $0.activePath) }) \(paths.keys)")
    }

    /// Finishes every stream, those too of which a side hears only now.
    private func finishAll() {
        for side in 0..<2 {
            for (stream, state) in sent[side] where !state.isReset && !state.isFinished {
                sent[side][stream]?.isFinished = true
                ends[side].session.finish(stream)
            }
        }
    }

    private var isConcluded: Bool { ends.allSatisfy { $0.unacknowledged == 0 && $0.unsent == 0 && $0.streamCount == 0 } }

    private func anyPath() -> PathID? { paths.keys.sorted { $0.rawValue < $1.rawValue }.randomElement(using: &random) }
    private func anyStream(_ side: Int) -> StreamID {
        let known = Set(sent[side].keys).filter { ends[side].isAlive($0) }.sorted { $0.rawValue < $1.rawValue }
        return known.randomElement(using: &random) ?? .initial
    }

    private func deliver(_ side: Int) {
        guard let path = anyPath(), var state = paths[path], !state.isDead, state.isKnown[side] else { return }
        let most = random.chance(3) ? 100 : 100_000
        let count = min(Int(random.below(UInt64(most))) + 1, state.flows[side].readableBytes)
        if count > 0, let bytes = state.flows[side].readSlice(length: count) {
            paths[path] = state
            ends[side].session.receive(bytes, on: path)
            if random.chance(2) { ends[side].session.flushAcknowledgement() }
        } else if state.isClosing[1 - side] {
            // The far end has closed and everything has arrived.
            state.isKnown[side] = false
            paths[path] = state.isKnown.contains(true) ? state : nil
            ends[side].session.pathClosed(path)
        }
    }

    private func send(_ side: Int) {
        guard let path = anyPath(), let state = paths[path], !state.isDead, state.isKnown[side], state.flows[1 - side].readableBytes < 150_000 else {
            return
        }
        let isPromised = ends[side].hasOutput(path)
        guard var bytes = ends[side].output(path, limit: Int(random.below(80_000)) + 1) else { return }
        if !isPromised { wrong.append("output that hasOutput denied") }
        paths[path]?.flows[1 - side].writeBuffer(&bytes)
    }

    private func write(_ side: Int) {
        let stream = anyStream(side)
        guard let state = sent[side][stream] else { return }
        let count = Int(random.below(random.chance(3) ? 50_000 : 300))
        let bytes = content(side, stream, from: state.count, count: count)
        let accepted = ends[side].write(bytes, to: stream)
        if accepted > 0, state.isFinished || state.isReset { wrong.append("bytes taken after the end") }
        sent[side][stream]?.count += accepted
    }

    private func finish(_ side: Int) {
        let stream = anyStream(side)
        // Stream 0 is kept for the end.
        guard stream != .initial, sent[side][stream]?.isReset == false else { return }
        sent[side][stream]?.isFinished = true
        ends[side].session.finish(stream)
    }

    private func reset(_ side: Int) {
        let stream = anyStream(side)
        guard stream != .initial else { return }
        sent[side][stream]?.isReset = true
        ends[side].session.reset(stream, code: 7)
    }

    private func stop(_ side: Int) {
        let stream = anyStream(side)
        guard stream != .initial else { return }
        received[side][stream]?.isUnwanted = true
        ends[side].session.stopSending(stream, code: 9)
    }

    private func read(_ side: Int) {
        for stream in received[side].keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let state = received[side][stream], state.last == .nothing else { continue }
            let result = ends[side].read(stream, limit: Int(random.below(100_000)) + 1)
            switch result {
            case .bytes(let bytes):
                var rest = bytes
                var start = state.count
                while let piece = rest.readSlice(length: min(10_000, rest.readableBytes)), piece.readableBytes > 0 {
                    let expected = content(1 - side, stream, from: start, count: piece.readableBytes)
                    if piece != expected { wrong.append("\(stream) at \(start) has other bytes") }
                    start += piece.readableBytes
                }
                received[side][stream]?.count = start
            case .nothing: break
            case .end:
                received[side][stream]?.last = .end
                let far = sent[1 - side][stream] ?? Sent()
                let isWhole = state.count == far.count && far.isFinished
                if !isWhole, !state.isUnwanted, !far.isReset, !far.isStopped { wrong.append("\(stream) ended at \(state.count) of \(far.count)") }
            case .reset(let code):
                received[side][stream]?.last = result
                let far = sent[1 - side][stream] ?? Sent()
                if !(code == 7 && far.isReset) && !(code == 9 && far.isStopped) { wrong.append("\(stream) was reset with \(code) by nobody") }
            }
        }
    }

    private func kill() {
        guard let path = anyPath() else { return }
        deaths += 1
        paths[path]?.isDead = true
        // One end hears of it now, the other with the next death or at the conclusion.
        let side = Int(random.below(2))
        paths[path]?.isKnown[side] = false
        ends[side].session.pathClosed(path)
        for other in paths.keys where other != path && paths[other]?.isDead == true { forget(other) }
    }

    private func forget(_ path: PathID) {
        for side in 0..<2 where paths[path]?.isKnown[side] == true { ends[side].session.pathClosed(path) }
        paths[path] = nil
    }

    func addPath() {
        guard paths.count < 5 else { return }
        numberOfPaths += 1
        let path = PathID(numberOfPaths)
        let kind: PathKind = random.chance(2) ? .tcp : .circuit
        paths[path] = Path()
        for end in ends { end.session.addPath(path, kind: kind) }
    }

    private func collect() {
        for side in 0..<2 {
            ends[side].collect()
            for event in ends[side].events {
                switch event {
                case .opened(let stream): (sent[side][stream], received[side][stream]) = (Sent(), Received())
                case .stopped(let stream, _): sent[side][stream]?.isStopped = true
                case .closePath(let path): paths[path]?.isClosing[side] = true
                case .failedPath(let path, let error): wrong.append("\(path): \(error)")
                case .closed(let reason): wrong.append("closed: \(reason)")
                default: break
                }
            }
            ends[side].events = []
        }
    }

    private func check() {
        for end in ends {
            if end.unread > configuration.largestConnectionWindow { wrong.append("\(end.unread) bytes unread") }
            if end.unacknowledged > configuration.unacknowledgedBytes + RecordLog.reservedBytes { wrong.append("\(end.unacknowledged) bytes kept") }
        }
    }
}

@Suite struct SessionScheduleTests {
    @Test(arguments: 1...24) func everyByteArrivesWhateverBecomesOfThePaths(seed: UInt64) {
        let schedule = SessionSchedule(seed: seed)
        schedule.addPath()
        for _ in 0..<4_000 where schedule.wrong.isEmpty { schedule.step() }
        if schedule.wrong.isEmpty { schedule.conclude() }
        #expect(schedule.wrong.isEmpty, "seed \(seed)")
        #expect(schedule.deaths > 0 && schedule.numberOfPaths > 2, "seed \(seed): a schedule without deaths proves little")
        #expect(schedule.received.flatMap(\.values).map(\.count).reduce(0, +) > 500_000, "seed \(seed)")
    }

    @Test(arguments: 0..<20) func twoThousandShortLives(group: UInt64) {
        var deaths = 0
        for seed in group * 100 + 1_000..<group * 100 + 1_100 {
            let schedule = SessionSchedule(seed: seed)
            schedule.addPath()
            for _ in 0..<200 where schedule.wrong.isEmpty { schedule.step() }
            if schedule.wrong.isEmpty { schedule.conclude() }
            #expect(schedule.wrong.isEmpty, "seed \(seed)")
            deaths += schedule.deaths
        }
        #expect(deaths > 20, "schedules without deaths prove little")
    }
}
