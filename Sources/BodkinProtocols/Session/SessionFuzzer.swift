import BodkinCore
import NIOCore
import OrderedCollections

/// Hostile bytes for sessions: at random, well-formed frames with random values, and those with a few bytes changed.
///
/// Whatever comes in, a session must not trap, and must keep its bounds. A program that wants to try it for long calls:
/// ```swift
/// let counts = SessionFuzzer.run(count: 10_000_000, seed: 1)
/// ```
public enum SessionFuzzer {
    /// What the inputs led to.
    public struct Counts: Hashable, Sendable {
        /// How many inputs were taken in.
        public var inputs = 0
        /// How many records were processed.
        public var records: UInt64 = 0
        /// How many bytes were read from streams.
        public var readBytes = 0
        /// How many paths failed.
        public var failedPaths = 0
        /// How many sessions ended.
        public var endedSessions = 0
        /// How often a bound did not hold; anything but 0 is a defect.
        public var violations = 0
    }

    /// Takes in this many inputs; the same seed makes the same ones.
    public static func run(count: Int, seed: UInt64) -> Counts {
        var counts = Counts()
        var inputs = FuzzedFrames(seed: seed)
        while counts.inputs < count { harass(&counts, &inputs, upTo: count) }
        return counts
    }

    /// One session, until it ends or has borne 200 inputs.
    private static func harass(_ counts: inout Counts, _ inputs: inout FuzzedFrames, upTo count: Int) {
        let role: Session.Role = inputs.random.chance(2) ? .dialer : .called
        var configuration = Session.Configuration()
        configuration.streamWindow = 65_536
        configuration.largestStreamWindow = 131_072
        configuration.connectionWindow = 131_072
        configuration.largestConnectionWindow = 262_144
        configuration.remoteStreams = 8
        configuration.unacknowledgedBytes = 65_536
        configuration.unacknowledgedRecords = 32
        var session = Session(
            role: role, id: inputs.session, localInstance: inputs.instance, remoteInstance: inputs.instance, configuration: configuration)
        let paths = [PathID(1), PathID(2)]
        for path in paths { open(path, &session, &inputs) }
        take(&session, paths, &counts, &inputs)
        for _ in 0..<200 where counts.inputs < count && !session.hasEnded {
            let path = paths[Int(inputs.random.below(2))]
            session.receive(inputs.next(nextExpected: session.nextExpected, role: role), on: path)
            counts.inputs += 1
            act(&session, &counts, &inputs)
            take(&session, paths, &counts, &inputs)
        }
        counts.records += session.nextExpected
    }

    /// A path that begins as it should, most of the time: what comes later is the interesting part.
    private static func open(_ path: PathID, _ session: inout Session, _ inputs: inout FuzzedFrames) {
        session.addPath(path, kind: inputs.random.chance(2) ? .direct : .circuit)
        guard !inputs.random.chance(8) else { return }
        let generation = session.role == .called ? session.generation + 1 : session.paths[path]?.generation ?? 0
        var buffer = ByteBuffer()
        inputs.opening(generation: generation, nextExpected: 0).write(to: &buffer)
        session.receive(buffer, on: path)
    }

    /// What an application does meanwhile.
    private static func act(_ session: inout Session, _ counts: inout Counts, _ inputs: inout FuzzedFrames) {
        let stream = inputs.streamID()
        switch inputs.random.below(12) {
        case 0: _ = session.write(ByteBuffer(repeating: 1, count: Int(inputs.random.below(40_000))), to: stream)
        case 1: session.finish(stream)
        case 2: session.reset(stream, code: inputs.random.next())
        case 3: session.stopSending(stream, code: inputs.random.next())
        case 4: _ = session.openStream()
        case 5: session.flushAcknowledgement()
        case 7: session.probe(PathID(1 + inputs.random.below(2)))
        case 8: session.suspect(PathID(1 + inputs.random.below(2)))
        case 6 where inputs.random.chance(50): session.close(code: 0, reason: "enough")
        default:
            if case .bytes(let bytes) = session.read(stream, limit: Int(inputs.random.below(70_000))) { counts.readBytes += bytes.readableBytes }
        }
    }

    /// What a driver does after every input, with the bounds checked.
    private static func take(_ session: inout Session, _ paths: [PathID], _ counts: inout Counts, _ inputs: inout FuzzedFrames) {
        for path in paths where inputs.random.chance(2) {
            for _ in 0..<64 { if session.output(on: path, limit: 20_000) == nil { break } }
        }
        var events = 0
        while let event = session.nextEvent() {
            events += 1
            switch event {
            case .failedPath: counts.failedPaths += 1
            case .closePath(let path):
                session.pathClosed(path)
                open(path, &session, &inputs)
            case .closed: counts.endedSessions += 1
            default: break
            }
        }
        let bounds = session.configuration
        let holds =
            session.unreadByteCount <= bounds.largestConnectionWindow
            && session.unacknowledgedByteCount <= bounds.unacknowledgedBytes + RecordLog.reservedBytes + 2048
            && session.log.count <= bounds.unacknowledgedRecords + RecordLog.reservedRecords + 1
            && session.streamCount <= 1 + bounds.localStreams + bounds.remoteStreams && events < 4096
        if !holds { counts.violations += 1 }
    }
}

/// Inputs for a session that expects this session's ID and one instance at both ends.
struct FuzzedFrames {
    let session = SessionID.random()
    let instance = InstanceID.random()
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    mutating func next(nextExpected: UInt64, role: Session.Role) -> ByteBuffer {
        var buffer = ByteBuffer()
        switch random.below(10) {
        case 0: buffer.writeBytes((0..<random.below(80)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        default:
            for _ in 0...random.below(3) { pathFrame(nextExpected, role).write(to: &buffer) }
        }
        if random.chance(6), buffer.readableBytes > 0 {
            for _ in 0...random.below(3) {
                buffer.setInteger(UInt8(truncatingIfNeeded: random.next()), at: Int(random.below(UInt64(buffer.readableBytes))))
            }
        }
        if random.chance(10), let cut = buffer.readSlice(length: Int(random.below(UInt64(buffer.readableBytes + 1)))) { return cut }
        return buffer
    }

    mutating func streamID() -> StreamID {
        let usual: [UInt64] = [0, 0, 1, 5, 9, 13, 4, 8]
        return StreamID(rawValue: random.chance(50) ? integer() : usual[Int(random.below(UInt64(usual.count)))])
    }

    private mutating func integer() -> UInt64 {
        random.chance(2) ? random.below(8) : random.next() >> (2 + random.below(60))
    }

    mutating func opening(generation: UInt64, nextExpected: UInt64) -> PathFrame {
        let limits = InitialLimits(data: 65_536 + integer(), streamData: 65_536 + integer(), streams: integer())
        return .open(
            PathOpening(
                session: session, sender: instance, receiver: instance, mode: .attach, kind: .tcp, generation: generation,
                nextExpected: nextExpected, limits: limits))
    }

    private mutating func pathFrame(_ nextExpected: UInt64, _ role: Session.Role) -> PathFrame {
        switch random.below(20) {
        case 0 where random.chance(10): return opening(generation: random.below(4), nextExpected: random.below(3))
        case 2 where role == .called || random.chance(20): return .choose(generation: integer(), nextExpected: 0)
        case 3 where role == .dialer || random.chance(20): return .chosen(generation: 1 + random.below(2), nextExpected: 0)
        case 4: return .acknowledge(nextExpected: random.below(random.chance(20) ? 8 : 2))
        case 6: return .probe(integer())
        case 7: return .probeAnswer(random.below(8))
        case 5 where random.chance(5): return .close(PathCloseReason(wireCode: integer()))
        default:
            var frames = ByteBuffer()
            for _ in 0...random.below(4) { sessionFrame().write(to: &frames) }
            let number = random.chance(20) ? integer() : nextExpected
            return .record(number: number, frames: frames)
        }
    }

    private mutating func sessionFrame() -> SessionFrame {
        let id = streamID()
        switch random.below(24) {
        case 0: return .padding
        case 1: return .ping
        case 2 where random.chance(4): return .resetStream(id, code: integer(), finalSize: random.chance(2) ? 0 : integer())
        case 3: return .stopSending(id, code: integer())
        case 4: return .maxData(integer())
        case 5: return .maxStreamData(id, integer())
        case 6: return .maxStreams(integer() & (1 << 60 - 1))
        case 7: return .dataBlocked(integer())
        case 8: return .streamDataBlocked(id, integer())
        case 9: return .streamsBlocked(integer())
        case 10 where random.chance(20): return .close(code: integer(), reason: "bye")
        case 11 where random.chance(20): return .transportClose(code: integer(), frameType: 0, reason: "bye")
        default: return .stream(id, ByteBuffer(repeating: 2, count: Int(random.below(random.chance(4) ? 3500 : 20))), isLast: random.chance(20))
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose whole state is its seed.
struct SplitMix64: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// A number below `bound`, which is above 0.
    mutating func below(_ bound: UInt64) -> UInt64 { next() % Swift.max(bound, 1) }

    /// True once in `times`.
    mutating func chance(_ times: UInt64) -> Bool { below(times) == 0 }
}
