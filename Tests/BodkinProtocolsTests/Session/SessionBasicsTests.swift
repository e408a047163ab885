import BodkinCore
import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct SessionBasicsTests {
    @Test func theDiallersFirstBytesTravelWithItsOPEN() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        #expect(wire.dialler.write(pattern(100)) == 100)
        let flight = try #require(wire.dialler.output(path))
        #expect(!wire.dialler.isConfirmed)
        let opening = try #require(try Session.peekOpen(flight))
        #expect(opening.session == wire.dialler.id)
        #expect(opening.mode == .start && opening.generation == 1)
        wire.called.session.receive(flight, on: path)
        wire.collect()
        #expect(wire.called.events == [.confirmed(path), .readable(.initial)])
        #expect(wire.called.readAll().bytes == Array(pattern(100).readableBytesView))
        wire.settle()
        #expect(wire.dialler.events == [.confirmed(path)])
        #expect(wire.dialler.unacknowledged == 0)
    }

    @Test func anOfferIsOneUntilTheFarSideHasAnswered() throws {
        var dialler = Session(role: .dialler, id: .random(), localInstance: .random(), remoteInstance: .random(), isOffer: true)
        var called = Session(role: .called, id: dialler.id, localInstance: dialler.remoteInstance, remoteInstance: dialler.localInstance)
        var modes: [PathOpening.Mode?] = []
        for path in [PathID(1), PathID(2), PathID(3)] {
            dialler.addPath(path, kind: .circuit)
            called.addPath(path, kind: .circuit)
            let flight = dialler.output(on: path, limit: 65_536)?.head ?? ByteBuffer()
            modes.append(try Session.peekOpen(flight)?.mode)
            called.receive(flight, on: path)
            let answer = called.output(on: path, limit: 65_536)?.head ?? ByteBuffer()
            // The first answer is lost with its path.
            if path == PathID(1) { dialler.pathClosed(path) } else { dialler.receive(answer, on: path) }
        }
        #expect(modes == [.offer, .offer, .attach])
    }

    @Test(arguments: [1, 2, 3, 7, 100, 1_000, .max]) func anyChunkingGivesTheSameBytesBothWays(chunk: Int) {
        let wire = SessionWire()
        wire.connect(1)
        let content = pattern(200_000)
        #expect(wire.dialler.write(content) == 200_000)
        #expect(wire.called.write(content) == 200_000)
        wire.dialler.session.finish(.initial)
        wire.called.session.finish(.initial)
        wire.settle(chunk: chunk)
        for end in [wire.dialler, wire.called] {
            let (bytes, last) = end.readAll()
            #expect(bytes == Array(content.readableBytesView) && last == .end)
            #expect(end.unacknowledged == 0)
            #expect(end.streamCount == 0)
        }
    }

    @Test func aBetterPathTakesOverAndTheOldOneIsClosed() {
        let wire = SessionWire()
        let circuit = wire.connect(1, .circuit)
        wire.settle()
        let direct = wire.connect(2, .direct)
        _ = wire.dialler.write(pattern(50_000))
        wire.settle()
        #expect(wire.dialler.activePath == direct && wire.called.activePath == direct)
        for end in [wire.dialler, wire.called] {
            #expect(end.events.contains(.tookOver(direct, generation: 2)))
            #expect(end.events.contains(.closePath(circuit)))
        }
        #expect(wire.called.readAll().bytes == Array(pattern(50_000).readableBytesView))
    }
}
