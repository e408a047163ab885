import BodkinCore
import BodkinProtocols
import NIOCore
import NIOEmbedded
import Testing

@testable import BodkinTransport

/// The end of a connection between two drivers, on a clock of their own.
@Suite("The end of a connection")
struct SessionCloseTests {
    /// Two drivers and the paths between them.
    private final class Pair {
        let loop = EmbeddedEventLoop()
        let near: SessionDriver, far: SessionDriver
        private(set) var path: VirtualPath?
        /// What the far application has read, and how its stream ended.
        var readCount = 0
        var end: Result<Void, any Error>?

        init() throws {
            let peers = [UInt8(1), 2].compactMap { PeerID(publicKey: [UInt8](repeating: $0, count: 32)) }
            let (one, two, id) = (InstanceID.random(), InstanceID.random(), SessionID.random())
            near = SessionDriver(Session(role: .dialer, id: id, localInstance: one, remoteInstance: two), peer: peers[1], on: loop)
            far = SessionDriver(Session(role: .called, id: id, localInstance: two, remoteInstance: one), peer: peers[0], on: loop)
            try connect()
        }

        func connect() throws {
            let path = try VirtualPath(.tcp, delay: .milliseconds(20), on: loop)
            self.path = path
            for (end, driver) in [near, far].enumerated() {
                path.ends[end].path.secured(driver.peer)
                driver.add(path.ends[end].path)
            }
            loop.advanceTime(by: .seconds(1))
        }

        func write(_ count: Int) {
            near.write(ByteBuffer(repeating: 7, count: count), to: .initial, for: ObjectIdentifier(self)) { _ in }
            loop.advanceTime(by: .seconds(1))
        }

        /// The far application reads until the end of the stream.
        func readOn() {
            far.read(.initial, limit: 50_000, isJoined: true, for: ObjectIdentifier(self)) { [self] result in
                switch result {
                case .success(let bytes?):
                    readCount += bytes.readableBytes
                    readOn()
                case .success(nil): end = .success(())
                case .failure(let error): end = .failure(error)
                }
            }
        }
    }

    /// What a close comes to.
    private final class Outcome {
        private(set) var isRead: Bool?

        init(_ closing: EventLoopFuture<Bool>) { closing.assumeIsolated().whenSuccess { self.isRead = $0 } }
    }

    @Test("a close waits for a reader that pauses for hours, and then says that everything was read")
    func pause() throws {
        let pair = try Pair()
        // More than the window takes.
        pair.write(1_200_000)
        let outcome = Outcome(pair.near.close(code: 0, reason: ""))
        pair.loop.advanceTime(by: .hours(3))
        #expect(outcome.isRead == nil && pair.far.closeReason == nil)
        pair.readOn()
        pair.loop.advanceTime(by: .seconds(1))
        #expect(outcome.isRead == true && pair.readCount == 1_200_000)
        #expect(throws: Never.self) { try pair.end?.get() }
        #expect(pair.end != nil && pair.near.closeReason == .local(code: 0, reason: "") && pair.far.closeReason == .remote(code: 0, reason: ""))
    }

    @Test("a close goes on over the next path, for a reader that pauses meanwhile")
    func nextPath() throws {
        let pair = try Pair()
        pair.write(1_200_000)
        let outcome = Outcome(pair.near.close(code: 0, reason: ""))
        pair.loop.advanceTime(by: .seconds(20))
        for end in 0..<2 { pair.path?.reset(end) }
        pair.loop.advanceTime(by: .seconds(20))
        try pair.connect()
        pair.readOn()
        pair.loop.advanceTime(by: .seconds(5))
        #expect(outcome.isRead == true && pair.readCount == 1_200_000 && pair.end != nil)
    }

    @Test("a stream without a FIN does not end well, whatever the code of the close", arguments: [0, 1] as [UInt64])
    func abort(code: UInt64) throws {
        let pair = try Pair()
        pair.write(100_000)
        pair.near.abort(code: code, reason: "")
        pair.readOn()
        pair.loop.advanceTime(by: .seconds(1))
        #expect(pair.readCount == 100_000)
        let error = #expect(throws: ConnectionError.self) { try pair.end?.get() }
        #expect(error?.remoteCode == code)
    }

    @Test("a close that is aborted, or whose connection is lost, has not delivered what was not read", arguments: ["abort", "remote abort", "loss"])
    func undelivered(cause: String) throws {
        let pair = try Pair()
        pair.write(1000)
        let outcome = Outcome(pair.near.close(code: 0, reason: ""))
        pair.loop.advanceTime(by: .seconds(1))
        switch cause {
        case "abort": pair.near.abort(code: 1, reason: "")
        case "remote abort": pair.far.abort(code: 0, reason: "")
        default: pair.near.fail("lost")
        }
        pair.loop.advanceTime(by: .seconds(1))
        #expect(outcome.isRead == false)
    }

    @Test("a remote application that closes fails who writes, and hears nothing of it")
    func writers() throws {
        let pair = try Pair()
        var result: Result<Void, any Error>?
        // More than the windows take: it waits.
        pair.near.write(ByteBuffer(repeating: 7, count: 4 << 20), to: .initial, for: ObjectIdentifier(pair)) { result = $0 }
        pair.loop.advanceTime(by: .seconds(1))
        #expect(result == nil)
        let outcome = Outcome(pair.far.close(code: 0, reason: "enough"))
        pair.loop.advanceTime(by: .seconds(1))
        let error = #expect(throws: ConnectionError.self) { try result?.get() }
        #expect(error?.code == .closed && error?.remoteCode == 0 && outcome.isRead == true)
        #expect(Outcome(pair.near.close(code: 0, reason: "")).isRead == false)
    }
}
