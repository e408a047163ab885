import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionBasicsTests {
    @Test func theDialersFirstBytesTravelWithItsOPEN() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        #expect(wire.dialer.write(pattern(100)) == 100)
        let flight = try #require(wire.dialer.output(path))
        #expect(!wire.dialer.isConfirmed)
        let opening = try #require(try Session.peekOpen(flight))
        #expect(opening.session == wire.dialer.id)
        #expect(opening.mode == .start && opening.generation == 1)
        wire.called.session.receive(flight, on: path)
        wire.collect()
        #expect(wire.called.events == [.confirmed(path), .readable(.initial)])
        #expect(wire.called.readAll().bytes == Array(pattern(100).readableBytesView))
        wire.settle()
        #expect(wire.dialer.events == [.confirmed(path)])
        #expect(wire.dialer.unacknowledged == 0)
    }

    @Test func anOfferIsOneUntilTheFarSideHasAnswered() throws {
        var dialer = Session(role: .dialer, id: .random(), localInstance: .random(), remoteInstance: .random(), isOffer: true)
        var called = Session(role: .called, id: dialer.id, localInstance: dialer.remoteInstance, remoteInstance: dialer.localInstance)
        var modes: [PathOpening.Mode?] = []
        for path in [PathID(1), PathID(2), PathID(3)] {
            dialer.addPath(path, kind: .circuit)
            called.addPath(path, kind: .circuit)
            let flight = dialer.output(on: path, limit: 65_536)?.head ?? ByteBuffer()
            modes.append(try Session.peekOpen(flight)?.mode)
            called.receive(flight, on: path)
            let answer = called.output(on: path, limit: 65_536)?.head ?? ByteBuffer()
            // The first answer is lost with its path.
            if path == PathID(1) { dialer.pathClosed(path) } else { dialer.receive(answer, on: path) }
        }
        #expect(modes == [.offer, .offer, .attach])
    }

    @Test(arguments: [1, 2, 3, 7, 100, 1_000, .max]) func anyChunkingGivesTheSameBytesBothWays(chunk: Int) {
        let wire = SessionWire()
        wire.connect(1)
        let content = pattern(200_000)
        #expect(wire.dialer.write(content) == 200_000)
        #expect(wire.called.write(content) == 200_000)
        wire.dialer.session.finish(.initial)
        wire.called.session.finish(.initial)
        wire.settle(chunk: chunk)
        for end in [wire.dialer, wire.called] {
            let (bytes, last) = end.readAll()
            #expect(bytes == Array(content.readableBytesView) && last == .end)
            #expect(end.unacknowledged == 0)
        }
        // A stream is kept until each end has heard that the other application has read its end.
        #expect(wire.dialer.streamCount == 1)
        wire.settle(chunk: chunk)
        for end in [wire.dialer, wire.called] { #expect(end.streamCount == 0 && end.isEverythingRead) }
    }

    @Test func aBetterPathTakesOverAndTheOldOneIsClosed() {
        let wire = SessionWire()
        let circuit = wire.connect(1, .circuit)
        wire.settle()
        let direct = wire.connect(2, .tcp)
        _ = wire.dialer.write(pattern(50_000))
        wire.settle()
        #expect(wire.dialer.activePath == direct && wire.called.activePath == direct)
        for end in [wire.dialer, wire.called] {
            #expect(end.events.contains(.tookOver(direct, generation: 2)))
            #expect(end.events.contains(.closePath(circuit)))
        }
        #expect(wire.called.readAll().bytes == Array(pattern(50_000).readableBytesView))
    }
}
