import BodkinCore
import BodkinProtocols
import NIOCore

/// Inputs for a session: mostly valid frames, so that what a session has come to by them is what a wrong one meets.
struct FuzzedFrames {
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    /// A few frames, one after another, some of them changed.
    /// - Parameters:
    ///   - expected: the number of the record that the session expects next, which grows with each valid one.
    ///   - role: the session's.
    mutating func next(_ expected: inout UInt64, for role: Session.Role) -> ByteBuffer {
        var buffer = ByteBuffer()
        if random.chance(60) {
            buffer.writeBytes((0..<random.below(80)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        } else {
            for _ in 0...random.below(3) { pathFrame(&expected, role).write(to: &buffer) }
        }
        if random.chance(20), buffer.readableBytes > 0 {
            for _ in 0...random.below(3) {
                buffer.setInteger(UInt8(truncatingIfNeeded: random.next()), at: Int(random.below(UInt64(buffer.readableBytes))))
            }
        }
        if random.chance(60), let cut = buffer.readSlice(length: Int(random.below(UInt64(buffer.readableBytes + 1)))) { return cut }
        return buffer
    }

    mutating func streamID() -> StreamID {
        let usual: [UInt64] = [0, 0, 1, 5, 9, 13, 4, 8]
        return StreamID(rawValue: random.chance(50) ? integer() : usual[Int(random.below(UInt64(usual.count)))])
    }

    private mutating func integer() -> UInt64 {
        random.chance(2) ? random.below(8) : random.next() >> (2 + random.below(60))
    }

    /// An OPEN with these names, and limits that a session takes.
    mutating func opening(
        _ session: SessionID, from sender: InstanceID, to receiver: InstanceID, mode: PathOpening.Mode = .attach, kind: PathKind = .tcp,
        generation: UInt64, nextExpected: UInt64
    ) -> PathOpening {
        PathOpening(
            session: session, sender: sender, receiver: receiver, mode: mode, kind: kind, generation: generation, nextExpected: nextExpected,
            limits: InitialLimits(data: 65_536 + integer(), streamData: 65_536 + integer(), streams: integer()))
    }

    private mutating func pathFrame(_ expected: inout UInt64, _ role: Session.Role) -> PathFrame {
        switch random.below(20) {
        case 0 where random.chance(10):
            let instance = InstanceID(high: random.next(), low: random.next())
            return .open(
                opening(
                    SessionID(high: random.next(), low: random.next()), from: instance, to: instance, generation: random.below(4),
                    nextExpected: random.below(3)))
        case 2 where role == .called || random.chance(20): return .choose(generation: integer(), nextExpected: 0)
        case 3 where role == .dialer || random.chance(20): return .chosen(generation: 1 + random.below(2), nextExpected: 0)
        case 4: return .acknowledge(nextExpected: random.below(random.chance(20) ? 8 : 2))
        case 6: return .probe(integer())
        case 7: return .probeAnswer(random.below(8))
        case 5 where random.chance(5): return .close(PathCloseReason(wireCode: integer()))
        default:
            var frames = ByteBuffer()
            for _ in 0...random.below(4) { sessionFrame().write(to: &frames) }
            guard !random.chance(30) else { return .record(number: integer(), frames: frames) }
            expected += 1
            return .record(number: expected - 1, frames: frames)
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
        case 12: return .streamRead(id, count: random.chance(4) ? integer() : 0, isEnd: random.chance(4))
        case 13 where random.chance(20): return .closing(code: integer(), reason: "bye")
        default: return .stream(id, ByteBuffer(repeating: 2, count: Int(random.below(random.chance(4) ? 3500 : 20))), isLast: random.chance(20))
        }
    }
}
