import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionPathTests {
    @Test func aTakeoverReplaysWhatIsUnacknowledgedWithoutDrainingTheOldPath() throws {
        let wire = SessionWire()
        let circuit = wire.connect(1, .circuit)
        wire.settle()
        // The records go by the circuit and stay there.
        #expect(wire.dialer.write(pattern(40_000)) == 40_000)
        wire.send()
        let direct = wire.connect(2, .tcp)
        #expect(wire.dialer.activePath == direct && wire.dialer.generation == 2)
        wire.send()
        wire.deliver(direct)
        #expect(wire.called.readAll().bytes == Array(pattern(40_000).readableBytesView))
        #expect(wire.called.activePath == direct)
        // What the circuit still held comes late, and is known.
        wire.deliver(circuit)
        wire.settle()
        #expect(wire.called.readAll().bytes.isEmpty)
        #expect(!wire.called.events.contains { if case .failedPath = $0 { true } else { false } })
        #expect(wire.dialer.events.contains(.closePath(circuit)) && wire.called.events.contains(.closePath(circuit)))
    }

    @Test func aBetterPathThatComesBeforeTheFirstAnswerIsChosenInItsOpen() throws {
        let wire = SessionWire()
        let circuit = wire.connect(1, .circuit)
        #expect(wire.dialer.write(pattern(30_000)) == 30_000)
        let first = try #require(wire.dialer.output(circuit))
        let direct = wire.connect(2, .tcp)
        let flight = try #require(wire.dialer.output(direct))
        let opening = try #require(try Session.peekOpen(flight))
        #expect(opening.generation == 2 && opening.mode == .start)
        // It overtakes the circuit: the session begins on it, and what the circuit brings is known.
        wire.called.session.receive(flight, on: direct)
        #expect(wire.called.readAll().bytes == Array(pattern(30_000).readableBytesView))
        wire.called.session.receive(first, on: circuit)
        wire.settle()
        #expect(wire.called.readAll().bytes.isEmpty && wire.called.activePath == direct)
        #expect(!wire.dialer.events.contains { if case .failedPath = $0 { true } else { false } })
        #expect(wire.dialer.events.contains(.closePath(circuit)))
    }

    @Test func anAnswerToAnEarlierChoiceOfAPathAdmitsItsRecords() throws {
        let wire = SessionWire()
        let circuit = wire.connect(1, .circuit)
        let first = try #require(wire.dialer.output(circuit))
        wire.called.session.receive(first, on: circuit)
        #expect(wire.called.write(pattern(1_000)) == 1_000)
        let answer = try #require(wire.called.output(circuit))
        // Meanwhile a better path has come and gone, and the circuit is chosen once more.
        wire.cut(wire.connect(2, .tcp))
        #expect(wire.dialer.activePath == circuit && wire.dialer.generation == 3)
        wire.dialer.session.receive(answer, on: circuit)
        #expect(wire.dialer.readAll().bytes == Array(pattern(1_000).readableBytesView))
        wire.settle()
        #expect(wire.called.session.generation == 3 && wire.called.activePath == circuit)
    }

    @Test func anOfferIsMovedOnlyWhenItWasAnswered() throws {
        let wire = SessionWire(isOffer: true)
        wire.connect(1, .circuit)
        let direct = wire.connect(2, .tcp)
        let flight = try #require(wire.dialer.output(direct))
        #expect(try Session.peekOpen(flight)?.generation == 0)
    }

    @Test func aWorseOrEqualPathIsKeptButNotChosenUntilTheActiveOneDies() {
        let wire = SessionWire()
        let direct = wire.connect(1, .tcp)
        let circuit = wire.connect(2, .circuit)
        wire.settle()
        #expect(wire.dialer.activePath == direct && wire.dialer.generation == 1)
        #expect(wire.dialer.write(pattern(30_000)) == 30_000)
        wire.send()
        wire.cut(direct)
        #expect(wire.dialer.activePath == circuit && wire.dialer.generation == 2)
        #expect(!wire.dialer.events.contains(.withoutPath))
        wire.settle()
        #expect(wire.called.readAll().bytes == Array(pattern(30_000).readableBytesView))
        #expect(wire.called.events.contains(.tookOver(circuit, generation: 2)))
    }

    @Test func aSessionWithoutPathsGoesOnWhenOneIsAdded() throws {
        let wire = SessionWire()
        let first = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(100_000)) == 100_000 && wire.called.write(pattern(1_000)) == 1_000)
        wire.send()
        wire.cut(first)
        #expect(wire.dialer.events.last == .withoutPath && wire.called.events.last == .withoutPath)
        let second = wire.connect(2)
        let flight = try #require(wire.dialer.output(second))
        let opening = try #require(try Session.peekOpen(flight))
        #expect(opening.mode == .attach && opening.generation == 2)
        wire.called.session.receive(flight, on: second)
        wire.settle()
        #expect(wire.called.readAll().bytes == Array(pattern(100_000).readableBytesView))
        #expect(wire.dialer.readAll().bytes == Array(pattern(1_000).readableBytesView))
    }

    @Test func theCalledSideFollowsOnlyAHigherGeneration() throws {
        let wire = SessionWire()
        let (one, two) = (wire.connect(1), wire.connect(2))
        wire.settle()
        wire.called.receive(.choose(generation: 5, nextExpected: 0), on: two)
        #expect(wire.called.activePath == two && wire.called.generation == 5)
        #expect(try wire.called.frames(two) == [.chosen(generation: 5, nextExpected: 0)])
        for generation in [1, 4, 5] as [UInt64] {
            wire.called.receive(.choose(generation: generation, nextExpected: 0), on: one)
            #expect(wire.called.activePath == two)
            #expect(try wire.called.frames(one) == [])
        }
    }

    @Test func aGapEndsThePathAndADuplicateIsDropped() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        var bytes = ByteBuffer()
        SessionFrame.stream(.initial, pattern(10), isLast: false).write(to: &bytes)
        wire.called.receive(.record(number: 0, frames: bytes), on: path)
        wire.called.receive(.record(number: 0, frames: bytes), on: path)
        #expect(wire.called.readAll().bytes.count == 10 && wire.called.nextExpected == 1)
        wire.called.receive(.record(number: 2, frames: bytes), on: path)
        #expect(wire.called.events.contains { if case .failedPath(path, let error) = $0 { error.code == .recordGap } else { false } })
        #expect(wire.called.closeReason == nil)
        #expect(try wire.called.frames(path) == [.close(.protocolError)])
    }

    @Test(
        arguments: [
            (.acknowledge(nextExpected: 9), .acknowledgedUnsent), (.chosen(generation: 1, nextExpected: 0), .unexpectedPathFrame),
            (.choose(generation: 0, nextExpected: 0), .unexpectedPathFrame), (.close(.refused), .closedByPeer(.refused)),
        ] as [(PathFrame, SessionError.Code)])
    func whatBreaksThePathProtocolEndsThePathAlone(frame: PathFrame, code: SessionError.Code) {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        wire.called.receive(frame, on: path)
        #expect(wire.called.events.contains { if case .failedPath(path, let error) = $0 { error.code == code } else { false } })
        #expect(wire.called.events.contains(.withoutPath) && !wire.called.hasEnded)
    }

    @Test func aRecordOnAPathThatWasNotChosenEndsThePath() {
        let wire = SessionWire()
        wire.connect(1, .tcp)
        let spare = wire.connect(2, .circuit)
        wire.settle()
        wire.called.receive(.record(number: 0, frames: ByteBuffer(bytes: [1])), on: spare)
        #expect(wire.called.events.contains { if case .failedPath(spare, let error) = $0 { error.code == .unexpectedPathFrame } else { false } })
    }

    @Test func anOPENForAnotherInstanceEndsThePath() {
        let (wire, other) = (SessionWire(), SessionWire())
        let path = wire.connect(1)
        other.connect(1)
        if let foreign = other.dialer.output(path) { wire.called.session.receive(foreign, on: path) }
        wire.collect()
        #expect(wire.called.events.contains { if case .failedPath(path, let error) = $0 { error.code == .wrongSession } else { false } })
        #expect(!wire.called.isConfirmed)
    }

    @Test func acknowledgementsComeEvery256KiBAndAtTheEndOfABurst() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        var (rest, acknowledgements) = (1_000_000, 0)
        rest -= wire.dialer.write(pattern(rest))
        while let bytes = wire.dialer.output(path, limit: 16_000) {
            rest -= wire.dialer.write(pattern(rest))
            wire.called.session.receive(bytes, on: path)
            acknowledgements += try wire.called.frames(path).count { if case .acknowledge = $0 { true } else { false } }
        }
        #expect(rest == 0 && acknowledgements == 3, "1 000 000 bytes hold three whole spans of a bit more than 256 KiB")
        #expect(!wire.called.hasOutput(path))
        wire.called.session.flushAcknowledgement()
        #expect(try wire.called.frames(path) == [.acknowledge(nextExpected: wire.dialer.nextRecord)])
        wire.called.session.flushAcknowledgement()
        #expect(!wire.called.hasOutput(path))
    }
}
