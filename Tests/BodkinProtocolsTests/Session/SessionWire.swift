import BodkinCore
import NIOCore

@testable import BodkinProtocols

/// Two sessions and the paths between them, in one place; nothing moves unless a test says so.
final class SessionWire {
    /// One end, with the events it gave.
    final class End {
        var session: Session
        var events: [Session.Event] = []

        init(_ session: consuming Session) { self.session = session }

        func collect() {
            while let event = session.nextEvent() { events.append(event) }
        }

        /// Everything that can be read of a stream now, and how it ended.
        func readAll(_ stream: StreamID = .initial, limit: Int = 1 << 20) -> (bytes: [UInt8], last: StreamRead) {
            var bytes: [UInt8] = []
            while true {
                let result = session.read(stream, limit: limit)
                guard case .bytes(let buffer) = result else { return (bytes, result) }
                bytes += Array(buffer.readableBytesView)
            }
        }

        // What expectations look at: they cannot look into a value that is not copyable.
        func write(_ bytes: ByteBuffer, to stream: StreamID = .initial) -> Int { session.write(bytes, to: stream) }
        func output(_ path: PathID, limit: Int = 65_536) -> ByteBuffer? { session.output(on: path, limit: limit)?.joined }
        func hasOutput(_ path: PathID) -> Bool { session.hasOutput(on: path) }
        func open() -> StreamID? { session.openStream() }
        func read(_ stream: StreamID = .initial, limit: Int = 1 << 20) -> StreamRead { session.read(stream, limit: limit) }
        func isAlive(_ stream: StreamID) -> Bool { session.isAlive(stream) }
        var id: SessionID { session.id }
        var activePath: PathID? { session.activePath }
        var generation: UInt64 { session.generation }
        var isConfirmed: Bool { session.isConfirmed }
        var hasEnded: Bool { session.hasEnded }
        var unacknowledged: Int { session.unacknowledgedByteCount }
        var unread: Int { session.unreadByteCount }
        var unsent: Int { session.unsentByteCount }
        var streamCount: Int { session.streamCount }
        var isEverythingRead: Bool { session.isEverythingRead }
        var nextExpected: UInt64 { session.nextExpected }
        var nextRecord: UInt64 { session.log.next }

        /// The frames that a path gives now.
        func frames(_ path: PathID, limit: Int = 65_536) throws -> [PathFrame] {
            var frames: [PathFrame] = []
            while var bytes = output(path, limit: limit) {
                while let frame = try PathReader.frame(&bytes) { frames.append(try PathFrame(type: frame.type, payload: frame.payload)) }
            }
            collect()
            return frames
        }

        /// Takes in one frame, as from a remote peer with another implementation.
        func receive(_ frame: PathFrame, on path: PathID) {
            var bytes = ByteBuffer()
            frame.write(to: &bytes)
            session.receive(bytes, on: path)
            collect()
        }

        var closeReason: SessionCloseReason? {
            for case .closed(let reason) in events { return reason }
            return nil
        }
    }

    let dialer: End
    let called: End
    /// What is on its way, by path.
    var toCalled: [PathID: ByteBuffer] = [:]
    var toDialer: [PathID: ByteBuffer] = [:]

    init(isOffer: Bool = false, dialer: Session.Configuration = .init(), called: Session.Configuration = .init()) {
        let id = SessionID.random()
        let (near, far) = (InstanceID.random(), InstanceID.random())
        self.dialer = End(Session(role: .dialer, id: id, localInstance: near, remoteInstance: far, isOffer: isOffer, configuration: dialer))
        self.called = End(Session(role: .called, id: id, localInstance: far, remoteInstance: near, configuration: called))
    }

    /// A path that is up at both ends.
    @discardableResult
    func connect(_ number: UInt64, _ kind: PathKind = .circuit) -> PathID {
        let path = PathID(number)
        dialer.session.addPath(path, kind: kind)
        called.session.addPath(path, kind: kind)
        (toCalled[path], toDialer[path]) = (ByteBuffer(), ByteBuffer())
        return path
    }

    /// A path that dies, with all that is on its way.
    func cut(_ path: PathID) {
        (toCalled[path], toDialer[path]) = (nil, nil)
        dialer.session.pathClosed(path)
        called.session.pathClosed(path)
        collect()
    }

    /// Takes what both ends have to send, without delivering it. Returns whether there was any.
    @discardableResult
    func send(limit: Int = 65_536) -> Bool {
        var moved = false
        for path in toCalled.keys {
            while var bytes = dialer.output(path, limit: limit) { moved = toCalled[path]?.writeBuffer(&bytes) != 0 || moved }
            while var bytes = called.output(path, limit: limit) { moved = toDialer[path]?.writeBuffer(&bytes) != 0 || moved }
        }
        collect()
        return moved
    }

    /// Delivers what is on its way on a path, in pieces, and acknowledges.
    func deliver(_ path: PathID, chunk: Int = .max) {
        var bytes = toCalled[path] ?? ByteBuffer()
        if toCalled[path] != nil { toCalled[path] = ByteBuffer() }
        while let piece = bytes.readSlice(length: min(chunk, bytes.readableBytes)), piece.readableBytes > 0 {
            called.session.receive(piece, on: path)
        }
        called.session.flushAcknowledgement()
        bytes = toDialer[path] ?? ByteBuffer()
        if toDialer[path] != nil { toDialer[path] = ByteBuffer() }
        while let piece = bytes.readSlice(length: min(chunk, bytes.readableBytes)), piece.readableBytes > 0 {
            dialer.session.receive(piece, on: path)
        }
        dialer.session.flushAcknowledgement()
        collect()
    }

    /// Lets everything arrive until nothing moves any more.
    func settle(chunk: Int = .max) {
        while send() || (Array(toCalled.values) + Array(toDialer.values)).contains(where: { $0.readableBytes > 0 }) {
            for path in toCalled.keys.sorted(by: { $0.rawValue < $1.rawValue }) { deliver(path, chunk: chunk) }
        }
    }

    func collect() {
        dialer.collect()
        called.collect()
    }
}

/// Bytes that show where a piece is missing or doubled.
func pattern(_ count: Int, from start: Int = 0) -> ByteBuffer {
    ByteBuffer(bytes: (start..<(start + count)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
}
