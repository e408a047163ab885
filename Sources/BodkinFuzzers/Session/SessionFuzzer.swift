import BodkinCore
import BodkinProtocols
import NIOCore

/// Hostile bytes for sessions: at random, well-formed frames with random values, and those with a few bytes changed.
///
/// Whatever comes in, a session must not trap, and must keep its bounds. A program that wants to try it for long calls:
/// ```swift
/// let counts = SessionFuzzer.run(count: 10_000_000, seed: 1)
/// ```
package enum SessionFuzzer {
    /// What the inputs led to.
    package struct Counts: Hashable, Sendable {
        /// How many inputs were taken in.
        package var inputs = 0
        /// How many records were processed.
        package var records: UInt64 = 0
        /// How many bytes were read from streams.
        package var readBytes = 0
        /// How many paths failed.
        package var failedPaths = 0
        /// How many sessions ended.
        package var endedSessions = 0
        /// How often a bound did not hold; anything but 0 is a defect.
        package var violations = 0
    }

    /// Takes in this many inputs; the same seed makes the same ones.
    package static func run(count: Int, seed: UInt64) -> Counts {
        var counts = Counts()
        var inputs = FuzzedFrames(seed: seed)
        while counts.inputs < count { harass(&counts, &inputs, upTo: count) }
        return counts
    }

    /// The most inputs of one session, before another one takes its place.
    private static let life = 2_000

    /// One session, until it ends or has borne enough inputs. A path that a wrong frame has ended is followed by another one.
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
        let instance = InstanceID(high: inputs.random.next(), low: inputs.random.next())
        let id = SessionID(high: inputs.random.next(), low: inputs.random.next())
        var session = Session(role: role, id: id, localInstance: instance, remoteInstance: instance, configuration: configuration)
        let paths = [PathID(1), PathID(2)]
        for path in paths { open(path, &session, &inputs) }
        take(&session, paths, &counts, &inputs)
        for _ in 0..<life where counts.inputs < count && !session.hasEnded {
            let path = paths[Int(inputs.random.below(2))]
            var expected = session.firstExpected
            session.receive(inputs.next(&expected, for: role), on: path)
            counts.inputs += 1
            act(&session, &counts, &inputs)
            take(&session, paths, &counts, &inputs)
        }
        counts.records += session.firstExpected
    }

    /// A path that begins as it should, most of the time: what comes later is the interesting part.
    private static func open(_ path: PathID, _ session: inout Session, _ inputs: inout FuzzedFrames) {
        session.addPath(path, kind: inputs.random.chance(2) ? .tcp : .circuit)
        guard !inputs.random.chance(8) else { return }
        let generation = session.role == .called ? session.generation + 1 : session.generation(of: path)
        var buffer = ByteBuffer()
        PathFrame.open(
            inputs.opening(session.id, from: session.remoteInstance, to: session.localInstance, generation: generation, nextExpected: 0)
        ).write(to: &buffer)
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
        if !session.isWithinBounds || events >= 4096 { counts.violations += 1 }
    }
}
