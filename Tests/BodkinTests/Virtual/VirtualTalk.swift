import BodkinCore
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import NIOEmbedded

@testable import Bodkin

/// A conversation in virtual time: `a` writes a line every 100 ms, and `b` writes back whatever it reads.
final class VirtualTalk {
    static let interval = Duration.milliseconds(100)
    private static let line = ByteBuffer(string: "0123456789abcde\n")

    private let dial: VirtualDial
    private let record: SessionRecord
    private var written = 0
    private var nextLine: Instant
    /// How many bytes have come back.
    private(set) var echoed = 0
    private var lastEcho: Instant
    /// The longest time in which nothing came back.
    private(set) var longestPause = Duration.zero

    init(_ dial: VirtualDial, on connection: Connection) {
        self.dial = dial
        guard let record = connection.recordHere else { preconditionFailure("the connection lives on the network's loop") }
        self.record = record
        (nextLine, lastEcho) = (dial.network.now, dial.network.now)
    }

    /// Whether everything that was written has come back.
    var isWhole: Bool { echoed == written }

    /// One millisecond of it.
    func step() {
        let now = dial.network.now
        if now >= nextLine {
            nextLine = now + Self.interval
            written += Self.line.readableBytes
            var line = Self.line
            record.driver.writeNow(&line, to: .initial)
            // What does not fit now would be lost here: a line always does, unless nothing has moved for minutes.
            written -= line.readableBytes
        }
        for far in dial.b.engine.remotes.records where far.driver.closeReason == nil {
            while let result = far.driver.readNow(.initial, limit: 65_536), case .success(var bytes?) = result, bytes.readableBytes > 0 {
                far.driver.writeNow(&bytes, to: .initial)
            }
        }
        while let result = record.driver.readNow(.initial, limit: 65_536), case .success(let bytes?) = result, bytes.readableBytes > 0 {
            echoed += bytes.readableBytes
            longestPause = max(longestPause, now - lastEcho)
            lastEcho = now
        }
        dial.network.loop.advanceTime(by: .milliseconds(1))
    }

    func run(for time: Duration) {
        let end = dial.network.now + time
        while dial.network.now < end { step() }
    }

    /// Runs until something holds, for so long at most. Whether it does then.
    func run(atMost time: Duration, until condition: () -> Bool) -> Bool {
        let end = dial.network.now + time
        while !condition() {
            guard dial.network.now < end else { return false }
            step()
        }
        return true
    }
}
