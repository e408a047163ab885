import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import NIOCore
import Testing

/// What two applications see of each other's streams, over a direct path.
@Suite(
    "Streams between peers", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct StreamTests {
    private static let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    /// A settled connection's two ends: the dialer's, and that of the peer that was dialed, whose configuration may be changed.
    private static func withConnection(
        _ change: @Sendable @escaping (inout Peer.Configuration) -> Void = { _ in },
        _ body: @Sendable @escaping (_ near: Connection, _ far: Connection) async throws -> Void
    ) async throws {
        try await withPeerLab(topology) { place in try await place.withConnection(change, body) }
    }

    /// Everything that comes on a stream until its end.
    private static func all(of stream: ByteStream) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in stream.bytes { bytes += piece }
        return bytes
    }

    @Test("who writes to a half that is finished or stopped, or reads what it has given up itself, is told so at once")
    func over() async throws {
        try await Self.withConnection { near, far in
            let stream = try await near.openStream()
            try await stream.write("x".utf8)
            let accepted = try await far.acceptStream()
            try await stream.finish()
            let finished = await #expect(throws: ConnectionError.self) { try await stream.write("y".utf8) }
            #expect(finished?.code == .finished)
            let reading = Task { try await stream.read() }
            try await Task.sleep(for: .milliseconds(50))
            stream.reset(code: 3)
            await #expect(throws: ConnectionError.self) { try await reading.value }
            await #expect(throws: ConnectionError.self) { try await stream.read() }
            // The remote peer's half is stopped: writers get an error then, and later.
            await #expect(throws: ConnectionError.self) { while true { try await accepted.write([UInt8](repeating: 0, count: 1000)) } }
            await #expect(throws: ConnectionError.self) { try await accepted.write("z".utf8) }
            // Both halves are over by then, and the session has forgotten the stream.
            await #expect(throws: ConnectionError.self) { try await stream.read() }
        }
    }

    @Test("a reset is seen at the far side with its code, by who reads and by who writes, and the other streams go on")
    func reset() async throws {
        try await Self.withConnection { near, far in
            let stream = try await near.openStream()
            try await stream.write("x".utf8)
            let accepted = try await far.acceptStream()
            #expect(accepted.id == stream.id)
            #expect(try await accepted.read() == Array("x".utf8))
            // More than the windows take: it waits while nobody reads on.
            let answering = Task { try await accepted.write([UInt8](repeating: 1, count: 4 << 20)) }
            #expect(try await stream.read() != nil)
            stream.reset(code: 77)
            let reading = await #expect(throws: ConnectionError.self) { _ = try await accepted.read() }
            #expect(reading?.code == .reset(77))
            let writing = await #expect(throws: ConnectionError.self) { try await answering.value }
            #expect(writing?.code == .stopped(77))
            try await near.write("there".utf8)
            #expect(try await far.read() == Array("there".utf8))
            try await far.write("back".utf8)
            #expect(try await near.read() == Array("back".utf8))
        }
    }

    @Test("a stream that one side finishes ends there alone: the far side reads its end, and can still answer")
    func halfClose() async throws {
        try await Self.withConnection { near, far in
            let stream = try await near.openStream()
            try await stream.write("question".utf8)
            try await stream.finish()
            let accepted = try await far.acceptStream()
            #expect(try await Self.all(of: accepted) == Array("question".utf8))
            #expect(try await accepted.read() == nil)
            try await accepted.write("answer".utf8)
            #expect(try await stream.read() == Array("answer".utf8))
            try await accepted.write("and more".utf8)
            try await accepted.finish()
            #expect(try await Self.all(of: stream) == Array("and more".utf8))
            // The default stream has not ended with it.
            try await near.write("there".utf8)
            #expect(try await far.read() == Array("there".utf8))
        }
    }

    /// What is sent on a stream: by who opens it, or back.
    private static func payload(of stream: StreamID, isAnswer: Bool) -> [UInt8] {
        let name = UInt8(truncatingIfNeeded: stream.rawValue) | (isAnswer ? 0x80 : 0)
        return (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) ^ name }
    }

    @Test("streams that both sides open carry bytes of their own, in both directions at once")
    func independent() async throws {
        try await Self.withConnection { near, far in
            var opened: [UInt64] = []
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (opener, accepter) in [(near, far), (far, near)] {
                    for _ in 0..<4 {
                        let stream = try await opener.openStream()
                        opened.append(stream.id.rawValue)
                        group.addTask {
                            try await stream.write(Self.payload(of: stream.id, isAnswer: false))
                            try await stream.finish()
                            let isAnswered = try await Self.all(of: stream) == Self.payload(of: stream.id, isAnswer: true)
                            #expect(isAnswered, "\(stream.id)")
                        }
                        group.addTask {
                            let accepted = try await accepter.acceptStream()
                            let isWhole = try await Self.all(of: accepted) == Self.payload(of: accepted.id, isAnswer: false)
                            #expect(isWhole, "\(accepted.id)")
                            try await accepted.write(Self.payload(of: accepted.id, isAnswer: true))
                            try await accepted.finish()
                        }
                    }
                }
                try await group.waitForAll()
            }
            // The dialer's, and the called side's.
            #expect(opened == [4, 8, 12, 16, 1, 5, 9, 13])
        }
    }

    @Test("a writer is held back while the far side does not read, and goes on when it does; other streams are not held back with it")
    func backpressure() async throws {
        try await Self.withConnection({ $0.session.streamWindow = 65_536 }) { near, far in
            let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
            let returns = Visits()
            let writing = Task {
                try await near.write(bytes)
                returns.note()
            }
            // The write has begun; so little is read that the window stays as it is.
            var received = try #require(try await far.read(upTo: 1000))
            let asking = try await near.openStream()
            try await asking.write("?".utf8)
            let answering = try await far.acceptStream()
            // In the time of twenty round trips everything would be there.
            for _ in 0..<20 {
                #expect(try await answering.read() == Array("?".utf8))
                try await answering.write("!".utf8)
                #expect(try await asking.read() == Array("!".utf8))
                try await asking.write("?".utf8)
            }
            #expect(returns.count == 0)
            while received.count < bytes.count { received += try #require(try await far.read()) }
            try await writing.value
            #expect(returns.count == 1)
            let isSame = received == bytes
            #expect(isSame)
        }
    }

    @Test("a close whose time runs out because the far side does not read ends all the same, and the far side hears why")
    func impatientClose() async throws {
        try await Self.withConnection({ $0.session.streamWindow = 65_536 }) { near, far in
            // The window and what is buffered here take all of it; the window alone does not.
            let written = 200_000
            try await near.write([UInt8](repeating: 7, count: written))
            #expect(try await near.close(code: 5, reason: "enough", within: .milliseconds(300)) == false)
            await #expect(throws: ConnectionError.self) { try await near.write("x".utf8) }
            var received = 0
            do {
                while let piece = try await far.read() { received += piece.count }
                Issue.record("the far side reads an end in good order")
            } catch let error as ConnectionError {
                #expect(error.code == .closed)
                #expect(error.message.contains("code 5, enough"), "\(error)")
            }
            // Had it been waited for, everything would be here.
            #expect(received < written)
        }
    }

    @Test("who works on the peer's own thread reads and writes the same bytes as others do, in buffers, and its cancellation ends it")
    func ownThread() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { called in
                try await place.withPeer(in: "a") { dialer in
                    try await called.registered()
                    try await dialer.registered()
                    let near = try await dialer.connect(to: called.id)
                    // More than the windows take, in pieces of another length than what is read.
                    let sent = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                    async let echoed = withTaskExecutorPreference(dialer.executor) {
                        async let written: Void = {
                            try await near.stream.write(ByteBuffer(bytes: sent))
                            try await near.finish()
                        }()
                        var bytes: [UInt8] = []
                        while let piece = try await near.stream.readBuffer(upTo: 50_000) { bytes += piece.readableBytesView }
                        try await written
                        return bytes
                    }
                    var incoming = called.incoming.makeAsyncIterator()
                    let far = try #require(try await incoming.next())
                    try await withTaskExecutorPreference(called.executor) {
                        while let piece = try await far.stream.readBuffer() { try await far.stream.write(piece) }
                        try await far.finish()
                    }
                    #expect(try await echoed == sent)
                    let stream = try await near.openStream()
                    let waiting = Task(executorPreference: dialer.executor) { try await stream.readBuffer() }
                    waiting.cancel()
                    await #expect(throws: CancellationError.self) { try await waiting.value }
                }
            }
        }
    }
}
