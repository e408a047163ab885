import BodkinCore
import BodkinIdentity
import BodkinProtocols
import NIOCore
import Testing

@testable import Bodkin

/// The paths that belong to no session yet, in virtual time.
@Suite("inbound paths")
struct InboundPathsTests {
    /// A machine with what it asked for.
    final class Bench {
        private var paths = InboundPaths()
        private(set) var now = Instant.start
        private var actions: [InboundPaths.Action] = []
        private var lastNumber: UInt64 = 0

        func handle(_ input: InboundPaths.Input, after time: Duration = .zero) {
            now = now + time
            paths.handle(input, at: now)
            while let action = paths.nextAction() { actions.append(action) }
        }

        /// Forgets what was asked for, and returns it.
        func take() -> [InboundPaths.Action] {
            defer { actions = [] }
            return actions
        }

        /// A connection from a host is accepted.
        func accept(_ host: String, port: UInt16 = 4000, after time: Duration = .zero) -> InboundPaths.ID {
            let id = nextID()
            handle(.accepted(id, from: IPAddress(host).map { Endpoint($0, port) }), after: time)
            return id
        }

        /// A path whose remote peer is authenticated.
        func authenticate(_ peer: PeerID, after time: Duration = .zero) -> InboundPaths.ID {
            let id = nextID()
            handle(.authenticated(id, peer), after: time)
            return id
        }

        var deadline: Instant? { paths.deadline }
        func isUnopened(_ id: InboundPaths.ID) -> Bool { paths.isUnopened(id) }
        func hasUnauthenticated(from remote: String) -> Bool {
            paths.hasUnauthenticated(from: InboundPathsTests.endpoint(remote))
        }

        private func nextID() -> InboundPaths.ID {
            lastNumber += 1
            return InboundPaths.ID(number: lastNumber)
        }
    }

    private let peer: PeerID

    init() throws { peer = try Identity.create().peerID }

    static func endpoint(_ text: String) -> Endpoint { Endpoint(text) ?? Endpoint(.unspecified(.v4), 0) }

    /// The bytes by which a dialer's session begins, an OPEN first.
    private static func opening() -> ByteBuffer {
        var session = Session(
            role: .dialer, id: .random(), localInstance: .random(), remoteInstance: .random(), configuration: Session.Configuration())
        session.addPath(PathID(1), kind: .tcp)
        var bytes = ByteBuffer()
        while let output = session.output(on: PathID(1), limit: 1 << 16) {
            bytes.writeImmutableBuffer(output.head)
            if let body = output.body { bytes.writeImmutableBuffer(body) }
        }
        return bytes
    }

    /// A frame of a type with a payload of so many bytes.
    private static func frame(type: UInt64, length: Int, of declared: Int? = nil) -> ByteBuffer {
        var bytes = ByteBuffer()
        // Integers of eight bytes (RFC 9000 section 16).
        for value in [type, UInt64(declared ?? length)] { bytes.writeInteger(value | 0xC000_0000_0000_0000) }
        bytes.writeRepeatingByte(1, count: length)
        return bytes
    }

    // MARK: Connections that have not proved whose they are

    @Test("of as many hosts as connections the oldest connection makes room")
    func oldest() {
        let bench = Bench()
        var ids: [InboundPaths.ID] = []
        for number in 0..<(InboundPaths.unauthenticatedLimit + 3) { ids.append(bench.accept("203.0.\(number / 250).\(number % 250 + 1)")) }
        #expect(bench.take() == ids.prefix(3).map { .evict($0) })
        // The kernel reports their end later, or again: nobody else goes for that.
        bench.handle(.closed(ids[0]))
        bench.handle(.closed(ids[0]))
        let last = bench.accept("203.0.113.1")
        #expect(bench.take() == [.evict(ids[3])] && bench.hasUnauthenticated(from: "203.0.113.1:4000"))
        bench.handle(.closed(last))
        _ = bench.accept("203.0.113.2")
        #expect(bench.take().isEmpty)
    }

    @Test(
        "a host that floods the port loses its own connections alone",
        arguments: ["203.0.113.1", "2001:db8:0:1::"], [false, true])
    func flood(_ prefix: String, _ areSpeaking: Bool) {
        let bench = Bench()
        var others: [InboundPaths.ID] = []
        for number in 0..<100 { others.append(bench.accept("198.51.100.\(number + 1)")) }
        var flood: [InboundPaths.ID] = []
        for number in 0..<1000 {
            // A host of IPv6 has all addresses of its /64.
            flood.append(bench.accept(prefix.hasSuffix("::") ? prefix + String(number + 1, radix: 16) : prefix, port: UInt16(2000 + number)))
            if areSpeaking { bench.handle(.handshakeBegan(flood[number])) }
        }
        let closed = bench.take()
        #expect(closed == flood.prefix(100 + 1000 - InboundPaths.unauthenticatedLimit).map { .evict($0) })
        // A late one of the others comes in, too.
        _ = bench.accept("198.51.100.200")
        #expect(bench.take() == [.evict(flood[closed.count])])
        for number in 0..<100 { #expect(bench.hasUnauthenticated(from: "198.51.100.\(number + 1):4000")) }
    }

    @Test("what was authenticated, or taken by a dial, needs no room among the others")
    func room() {
        let bench = Bench()
        for number in 0..<600 {
            let id = bench.accept("203.0.113.1")
            bench.handle(.handshakeBegan(id))
            bench.handle(number % 2 == 0 ? .taken(id) : .closed(id))
        }
        #expect(bench.take().isEmpty)
        #expect(!bench.hasUnauthenticated(from: "203.0.113.1:4000") && bench.deadline == nil)
    }

    @Test("a silent connection is reset where a dial needs its endpoints, and one whose handshake has begun only if that is pressing")
    func clears() {
        let bench = Bench()
        let silent = bench.accept("203.0.113.1")
        let other = bench.accept("203.0.113.1", port: 4001)
        let speaking = bench.accept("203.0.113.2")
        bench.handle(.handshakeBegan(speaking))
        for isPressing in [false, true] {
            bench.handle(.clear(Self.endpoint("203.0.113.1:4000"), isPressing: isPressing))
            // The second time there is nobody any more.
            #expect(bench.take() == (isPressing ? [] : [.discard(silent)]))
            #expect(!bench.hasUnauthenticated(from: "203.0.113.1:4000"))
        }
        bench.handle(.clear(Self.endpoint("203.0.113.2:4000"), isPressing: false))
        #expect(bench.take().isEmpty && bench.hasUnauthenticated(from: "203.0.113.2:4000"))
        bench.handle(.clear(Self.endpoint("203.0.113.2:4000"), isPressing: true))
        #expect(bench.take() == [.discard(speaking)])
        // An authenticated path is no obstacle: it is about to have a session.
        bench.handle(.authenticated(other, peer))
        bench.handle(.clear(Self.endpoint("203.0.113.1:4001"), isPressing: true))
        #expect(bench.take().isEmpty && bench.isUnopened(other))
    }

    // MARK: Authenticated paths

    @Test("an opening is offered once it is whole, in pieces of any size", arguments: [1, 7, 60, 10_000])
    func offers(_ size: Int) {
        let bench = Bench()
        let id = bench.authenticate(peer)
        var bytes = Self.opening()
        let whole = bytes
        var received = ByteBuffer()
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            received.writeImmutableBuffer(piece)
            bench.handle(.received(id, piece))
            guard case .offer(id, let opening, let unread)? = bench.take().first else { continue }
            #expect(unread == received && (try? Session.peekOpen(whole)) == opening)
            bench.handle(.taken(id))
            #expect(!bench.isUnopened(id) && bench.deadline == nil)
            // The session has it: nothing of it is looked at here any more.
            bench.handle(.received(id, Self.frame(type: 63, length: 9)))
            bench.handle(.timeout, after: .seconds(60))
            return #expect(bench.take().isEmpty)
        }
        Issue.record("never offered")
    }

    @Test("a path that waits is offered again with what it has received since, and closed when nobody wants it")
    func resumes() throws {
        let bench = Bench()
        let (id, bytes) = (bench.authenticate(peer), Self.opening())
        bench.handle(.received(id, bytes))
        guard case .offer(id, let opening, bytes)? = bench.take().first else { return #expect(Bool(false)) }
        var more = Self.frame(type: 63, length: 9)
        bench.handle(.received(id, more), after: .seconds(1))
        #expect(bench.take().isEmpty)
        bench.handle(.resumed(id))
        var all = bytes
        all.writeBuffer(&more)
        #expect(bench.take() == [.offer(id, opening, received: all)])
        bench.handle(.refused(id))
        #expect(bench.take() == [.close(id)])
        // The second time there is nothing left of it.
        for input in [InboundPaths.Input.refused(id), .resumed(id), .taken(id), .closed(id)] { bench.handle(input) }
        #expect(bench.take().isEmpty)
    }

    @Test("a path that waits too long is closed, whether it has sent its first frame or not", arguments: [false, true])
    func late(_ hasOpened: Bool) {
        let bench = Bench()
        let first = bench.authenticate(peer)
        let second = bench.authenticate(peer, after: .seconds(4))
        if hasOpened { bench.handle(.received(first, Self.opening()), after: .seconds(1)) }
        _ = bench.take()
        #expect(bench.deadline == .start + .seconds(10))
        bench.handle(.timeout, after: .start + .seconds(10) - bench.now - .nanoseconds(1))
        #expect(bench.take().isEmpty)
        bench.handle(.timeout, after: .nanoseconds(1))
        #expect(bench.take() == [.close(first)] && bench.deadline == .start + .seconds(14))
        bench.handle(.received(first, Self.opening()))
        #expect(bench.take().isEmpty)
        bench.handle(.timeout, after: .seconds(60))
        #expect(bench.take() == [.close(second)] && bench.deadline == nil)
    }

    @Test("a peer that fills the table with paths that it does not open loses its own alone")
    func unopened() throws {
        let bench = Bench()
        let mine = bench.authenticate(try Identity.create().peerID)
        var others: [InboundPaths.ID] = []
        for _ in 0..<400 { others.append(bench.authenticate(peer)) }
        #expect(bench.take() == others.prefix(401 - InboundPaths.unopenedLimit).map { .evict($0) })
        #expect(bench.isUnopened(mine))
        // Nor does it cost those who are about to prove whose they are.
        let stranger = bench.accept("203.0.113.1")
        bench.handle(.handshakeBegan(stranger))
        #expect(bench.take().isEmpty)
    }

    // MARK: Hostile first frames

    /// What no OPEN begins with, and what is longer than any OPEN may be.
    static let hostileFrames: [(name: String, type: UInt64, length: Int, declared: Int?)] = [
        ("another frame", 63, 9, nil), ("another frame, its type alone", 63, 0, 9), ("an OPEN without a content", 0, 0, nil),
        ("an OPEN of nonsense", 0, 16_384, nil), ("an OPEN that is one byte too long", 0, 0, 16_385),
        ("an OPEN that is longer than any memory", 0, 0, 1 << 61),
    ]

    @Test("a first frame that is none closes the path at once", arguments: hostileFrames)
    func hostile(_ row: (name: String, type: UInt64, length: Int, declared: Int?)) {
        let bench = Bench()
        let id = bench.authenticate(peer)
        bench.handle(.received(id, Self.frame(type: row.type, length: row.length, of: row.declared)))
        #expect(bench.take() == [.close(id)] && bench.deadline == nil, "\(row.name)")
        bench.handle(.received(id, Self.opening()))
        #expect(bench.take().isEmpty)
    }

    @Test("a first frame of the longest kind is waited for to its last byte")
    func longest() {
        let bench = Bench()
        let id = bench.authenticate(peer)
        var bytes = Self.frame(type: 0, length: 16_384)
        while bytes.readableBytes > 1, let piece = bytes.readSlice(length: min(1000, bytes.readableBytes - 1)) { bench.handle(.received(id, piece)) }
        #expect(bench.take().isEmpty && bench.isUnopened(id))
        bench.handle(.received(id, bytes))
        #expect(bench.take() == [.close(id)])
    }

    @Test("a path that is kept waiting may not go on sending for ever")
    func unread() {
        let bench = Bench()
        let (id, bytes) = (bench.authenticate(peer), Self.opening())
        bench.handle(.received(id, bytes))
        bench.handle(.received(id, ByteBuffer(repeating: 0, count: InboundPaths.unreadLimit - bytes.readableBytes)))
        #expect(bench.take().count == 1)
        bench.handle(.received(id, ByteBuffer(repeating: 0, count: 1)))
        #expect(bench.take() == [.close(id)])
    }
}
